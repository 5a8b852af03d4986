// Packs what a microphone gives into packets of int16. Its input may be missing, and its buffers are used again. Any
// message ends it: then it gives the last packet, which is not full, and null.
class Packer extends AudioWorkletProcessor {
  constructor(options) {
    super();
    this.size = options.processorOptions.size;
    this.begin();
    this.over = false;
    this.port.onmessage = () => this.end();
  }

  begin() {
    this.packet = new Int16Array(this.size);
    this.filled = 0;
  }

  end() {
    this.over = true;
    if (this.filled) this.port.postMessage(this.packet.slice(0, this.filled));
    this.port.postMessage(null);
  }

  process(inputs) {
    if (this.over) return false;
    for (const sample of inputs[0][0] ?? []) {
      const whole = Math.round(sample * 32768);
      this.packet[this.filled++] = Math.max(-32768, Math.min(32767, whole));
      if (this.filled === this.size) {
        this.port.postMessage(this.packet, [this.packet.buffer]);
        this.begin();
      }
    }
    return true;
  }
}

registerProcessor("packer", Packer);
