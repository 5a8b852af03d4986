// A sound file, of which any stretch can be had as mono int16. Wav files of 16 bits are read from the disk as they are
// needed, exactly; what the browser makes of another file is held in memory.

const HEADER = 65536; // bytes in which the parts before the sound of a wav file must fit

export async function openRecording(blob) {
  const wav = readHeader(new DataView(await blob.slice(0, HEADER).arrayBuffer()), blob.size);
  return wav ? fromDisk(blob, wav) : fromMemory(blob);
}

function readHeader(view, size) {
  const name = (at) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
  if (view.byteLength < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") return null;
  let format = null;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const length = view.getUint32(at + 4, true);
    if (name(at) === "fmt " && at + 24 <= view.byteLength) {
      format = { kind: view.getUint16(at + 8, true), channels: view.getUint16(at + 10, true),
                 rate: view.getUint32(at + 12, true), bits: view.getUint16(at + 22, true) };
    } else if (name(at) === "data") {
      if (!format || format.kind !== 1 || format.bits !== 16 || !format.channels || !format.rate) return null;
      const rest = size - at - 8;
      const bytes = length ? Math.min(length, rest) : rest; // a program that wrote into a pipe left 0 there
      return { ...format, start: at + 8, length: Math.floor(bytes / 2 / format.channels) };
    }
    at += 8 + length + (length % 2);
  }
  return null;
}

function fromDisk(blob, { start, length, channels, rate }) {
  async function samples(from, to) {
    const part = blob.slice(start + 2 * channels * from, start + 2 * channels * to);
    const bytes = await part.arrayBuffer();
    if (bytes.byteLength < part.size || part.size < 2 * channels * (to - from)) throw new Error("it has become shorter");
    const all = new Int16Array(bytes);
    if (channels === 1) return all;
    return Int16Array.from({ length: to - from }, (_, i) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += all[i * channels + c];
      return Math.round(sum / channels);
    });
  }
  return { rate, length, samples };
}

async function fromMemory(blob) {
  const context = new OfflineAudioContext(1, 1, 16000);
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  const channels = Array.from({ length: sound.numberOfChannels }, (_, c) => sound.getChannelData(c));
  async function samples(from, to) {
    return Int16Array.from({ length: to - from }, (_, i) => {
      const mean = channels.reduce((sum, channel) => sum + channel[from + i], 0) / channels.length;
      return Math.max(-32768, Math.min(32767, Math.round(mean * 32768)));
    });
  }
  return { rate: sound.sampleRate, length: sound.length, samples };
}
