// The last minute of a stream, as the drawings need it. What is older is forgotten here.

export const SPAN = 60; // seconds
export const SCALE = 64; // pixels a second of sound
const PEAK = 0.02; // seconds of sound between the least and the greatest sample that are drawn as one line

export class Minute {
  constructor(rate) {
    this.rate = rate;
    this.size = Math.max(1, Math.round(rate * PEAK));
    this.samples = 0;
    this.peaks = []; // {time, low, high}
    this.ends = []; // of segments, in seconds
    this.lost = []; // [from, to] in seconds
    this.steps = [{ time: 0, words: 0 }]; // words written by a number of seconds heard
    this.load = []; // {time, rtf, waiting}
    this.words = 0;
  }

  get now() {
    return this.samples / this.rate;
  }

  hear(packet) {
    for (let from = 0; from < packet.length; from += this.size) {
      let low = 0;
      let high = 0;
      for (const sample of packet.subarray(from, from + this.size)) {
        low = Math.min(low, sample);
        high = Math.max(high, sample);
      }
      this.peaks.push({ time: (this.samples + from) / this.rate, low: low / 32768, high: high / 32768 });
    }
    this.samples += packet.length;
    this.forget();
  }

  // `waiting`: seconds of sound, in the page and in the server.
  answer(message, waiting) {
    this.ends.push(...message.segments);
    this.lost.push(...(message.lost ?? []));
    this.load.push({ time: message.heard, rtf: message.rtf, waiting });
    this.words += message.words.length;
    if (message.words.length) this.steps.push({ time: message.heard, words: this.words });
  }

  forget() {
    const oldest = this.now - SPAN;
    const before = (list, time) => {
      const first = list.findIndex((one) => time(one) >= oldest);
      return first < 0 ? list.length : first;
    };
    const cut = (list, time, keep) => list.splice(0, Math.max(0, before(list, time) - keep));
    cut(this.peaks, (one) => one.time, 0);
    cut(this.ends, (one) => one, 0);
    cut(this.lost, (one) => one[1], 0);
    cut(this.load, (one) => one.time, 1);
    cut(this.steps, (one) => one.time, 1);
  }
}
