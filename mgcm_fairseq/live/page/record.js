// All that came of a stream, for download: the text by lines with time marks, and a line of JSON an answer. Lines are
// put away in blobs, which lie outside of the memory of scripts. The log has simulstream's keys beside ours.

const TOGETHER = 500; // lines put away at once
const CLOSING = /^["”»)）」』】]+$/; // marks that belong to the sentence before them
const ENDING = /[.!?。！？]["”“»)）」』】]*$/; // of a sentence's last word

export class Record {
  constructor(about, separator) {
    this.separator = separator; // between words
    this.stored = [];
    this.lines = [];
    this.words = 0;
    this.text = []; // {time, text} a sentence
    this.open = false;
    this.add({ id: 0, metadata: { wav_name: about.name }, ...about });
  }

  add(line) {
    this.lines.push(`${JSON.stringify(line)}\n`);
    if (this.lines.length === TOGETHER) {
      this.stored.push(new Blob(this.lines));
      this.lines = [];
    }
  }

  // `shown`: seconds since the sound began when the answer was here. `waiting`: seconds of sound, in page and server.
  answer(message, shown, waiting) {
    this.words += message.words.length;
    this.add({ id: 0, total_audio_processed: message.heard, computation_time: message.computing,
               generated_tokens: message.words.map((word) => word.text), deleted_tokens: [], ...message, shown, waiting });
    for (const [from, to] of message.lost ?? []) {
      this.text.push({ time: from, text: `[${(to - from).toFixed(1)} s of sound were lost]`, lost: true });
      this.open = false;
    }
    for (const { text, heard } of message.words) {
      const closes = this.text.length > 0 && !this.text.at(-1).lost && CLOSING.test(text);
      if (this.open || closes) this.text.at(-1).text += this.separator + text;
      else this.text.push({ time: heard, text });
      if (!closes) this.open = !ENDING.test(text);
    }
  }

  log() {
    return new Blob([...this.stored, ...this.lines], { type: "application/jsonl" });
  }

  transcript() {
    return new Blob(this.text.map(({ time, text }) => `${clock(time)}  ${text}\n`), { type: "text/plain" });
  }
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
