// Where sound comes from: a microphone, or a file that is given out as fast as it would be spoken.
// Both call `take` with packets of int16, `ended` once there are no more, and have `rate` in Hz and `stop`.
import { openRecording } from "./recording.js";

const PACKET = 0.1; // seconds

export async function microphone(take, ended) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const [context, source] = openAt16kHz(stream);
  await context.audioWorklet.addModule("worklet.js");
  const size = Math.round(context.sampleRate * PACKET);
  const packer = new AudioWorkletNode(context, "packer", { numberOfOutputs: 0, processorOptions: { size } });
  packer.port.onmessage = (event) => take(event.data);
  source.connect(packer);
  stream.getAudioTracks()[0].onended = ended; // it was unplugged
  return {
    rate: context.sampleRate,
    name: "microphone",
    stop() {
      stream.getTracks().forEach((track) => track.stop());
      if (context.state !== "closed") context.close();
    },
  };
}

// Some browsers do not connect a microphone to a context of another rate: there the server resamples.
function openAt16kHz(stream) {
  const context = new AudioContext({ sampleRate: 16000 });
  try {
    return [context, context.createMediaStreamSource(stream)];
  } catch {
    context.close();
    const own = new AudioContext();
    return [own, own.createMediaStreamSource(stream)];
  }
}

export async function file(blob, take, ended) {
  const recording = await openRecording(blob);
  const { rate, length } = recording;
  const size = Math.round(rate * PACKET);
  const begun = performance.now();
  let next = 0;
  let stopped = false;
  async function play() {
    while (next < length && !stopped) {
      const wait = begun + (1000 * Math.min(next + size, length)) / rate - performance.now();
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      const packet = await recording.samples(next, Math.min(next + size, length));
      if (stopped) return;
      next += packet.length;
      take(packet);
    }
    if (!stopped) ended();
  }
  return { rate, name: blob.name, stop: () => (stopped = true), play };
}
