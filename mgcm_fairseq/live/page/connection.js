// A stream of sound to the server, which survives the loss of its connection: samples are numbered and kept until the
// server has them, and so are answers on the other side. Where as many are kept as there may be, a recording has to wait;
// what a microphone hears then is dropped, and the server is told by the numbers of what follows.

const HEADER = 8; // bytes: the number of the first sample, and of answers that are here
const BUFFERED = 65536; // bytes that may wait in the browser
const SILENT = 4; // beats without a word from the server, after which its connection is lost
const EMPTIER = 0.5; // of what may be kept, from which on a microphone is heard again: one gap, not many
const RETRY = 500; // ms
const COMES_BACK = 4900; // code of a connection that is closed for a new one
const LOST = new Set([1001, 1005, 1006, 1012, COMES_BACK]); // codes of connections that end without a word

export class Connection {
  constructor({ about, rate, run, answer, state, work, over }) {
    Object.assign(this, { about, rate, run, answer, state, work, over });
    this.packets = []; // {first, samples}, not acknowledged
    this.kept = 0; // samples in them
    this.most = about.kept * rate; // that may be
    this.captured = 0; // samples so far, those that were dropped too
    this.dropped = 0;
    this.full = false;
    this.waiting = []; // who waits for room
    this.next = 0; // first sample that was not sent over this connection
    this.received = 0; // samples that the server has
    this.answers = 0;
    this.ending = false;
    this.open();
  }

  take(samples) {
    this.full = this.kept + samples.length > this.most * (this.full ? EMPTIER : 1);
    if (this.full) this.dropped += samples.length;
    else this.keep(samples);
    this.captured += samples.length;
    this.flush();
  }

  keep(samples) {
    this.packets.push({ first: this.captured, samples });
    this.kept += samples.length;
  }

  // Drops what the server has.
  release() {
    while (this.packets.length && this.end_of(this.packets[0]) <= this.received) {
      this.kept -= this.packets.shift().samples.length;
    }
    for (const go of this.waiting.splice(0)) go();
  }

  // Until so many samples more may be kept, or nobody wants them.
  async room(samples) {
    while (this.kept + samples > this.most && !this.finished) await new Promise((go) => this.waiting.push(go));
  }

  end() {
    this.ending = true;
    this.flush();
  }

  open() {
    this.socket = new WebSocket(`ws://${location.host}/`);
    const socket = this.socket;
    socket.onopen = () => {
      const { about, run, rate, stream, answers } = this;
      const known = stream ? { stream, answers } : {};
      socket.send(JSON.stringify({ protocol: about.protocol, sample_rate: rate, run, ...known }));
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = (event) => this.closed(event);
    this.greeted = this.endSent = false;
    this.watch();
  }

  hear(message) {
    this.watch();
    if (message.stream) {
      this.stream = message.stream;
      this.next = this.received = message.received;
      this.greeted = true;
      this.lostSince = null;
      this.state("");
      this.release();
      this.flush();
    } else if (message.end_of_processing) {
      this.finish("");
    } else if (message.error) {
      this.finish(message.error);
    } else if (message.at_work !== undefined) {
      this.work(message.at_work);
    } else if (message.answer === this.answers) {
      this.answers += 1;
      this.received = message.received;
      this.release();
      this.answer(message);
      this.flush();
    }
  }

  end_of(packet) {
    return packet.first + packet.samples.length;
  }

  flush() {
    if (!this.greeted || this.socket.readyState !== WebSocket.OPEN) return;
    for (const packet of this.packets) {
      if (this.end_of(packet) <= this.next) continue;
      if (this.socket.bufferedAmount > BUFFERED) return;
      const bytes = new Uint8Array(HEADER + 2 * packet.samples.length);
      const header = new DataView(bytes.buffer);
      header.setUint32(0, packet.first, true);
      header.setUint32(4, this.answers, true);
      bytes.set(new Uint8Array(packet.samples.buffer, packet.samples.byteOffset, 2 * packet.samples.length), HEADER);
      this.socket.send(bytes);
      this.next = this.end_of(packet);
    }
    if (this.ending && !this.endSent) {
      this.socket.send(JSON.stringify({ end_of_stream: true, samples: this.captured }));
      this.endSent = true;
    }
  }

  watch() {
    clearTimeout(this.watching);
    this.watching = setTimeout(() => {
      if (this.captured > this.received || this.ending) this.reconnect();
      else this.watch();
    }, 1000 * SILENT * this.about.beat);
  }

  // What is left of the old connection is not waited for: on a dead line its close may take minutes.
  reconnect() {
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(COMES_BACK);
    this.closed({ code: COMES_BACK, reason: "" });
  }

  closed({ code, reason }) {
    clearTimeout(this.watching);
    if (this.finished) return;
    this.lostSince ??= performance.now();
    const seconds = (performance.now() - this.lostSince) / 1000;
    if (!LOST.has(code)) this.finish(reason || `The server closed the connection (code ${code}).`);
    else if (!this.stream) this.finish("The server does not answer.");
    else if (seconds > this.about.kept) this.finish(`The connection was lost for ${Math.round(seconds)} s.`);
    else {
      this.state("The connection is lost. Sound is kept, and goes on when it is back.");
      setTimeout(() => this.finished || this.open(), RETRY);
    }
  }

  finish(fault) {
    if (this.finished) return;
    this.finished = true;
    clearTimeout(this.watching);
    this.socket.close(1000);
    this.over(fault);
    this.release();
  }
}
