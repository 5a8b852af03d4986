// Where sound comes from: a microphone, or a file that is given out as fast as it would be spoken.
// Both call `take` with packets of int16, `ended` once there are no more, `failed` with words where they should have gone
// on, and have `rate` in Hz and `stop`, which waits for the last packet.
import { openRecording } from "./recording.js";

const PACKET = 0.1; // seconds
const LAST_PACKET = 1000; // ms that it may take: a context that the browser has suspended does not give it

export async function microphone(take, ended, failed) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  let context = null;
  const release = () => {
    stream.getTracks().forEach((track) => track.stop());
    if (context && context.state !== "closed") context.close();
  };
  try {
    const [opened, source] = openAt16kHz(stream);
    context = opened;
    const packer = await packerOf(context);
    packer.onprocessorerror = () => failed("The sound of the microphone can no longer be read.");
    let emptied;
    const empty = new Promise((done) => (emptied = done));
    packer.port.onmessage = ({ data }) => (data ? take(data) : emptied());
    source.connect(packer);
    stream.getAudioTracks()[0].onended = ended; // it was unplugged
    async function stop() {
      packer.port.postMessage("end");
      await Promise.race([empty, new Promise((done) => setTimeout(done, LAST_PACKET))]);
      release();
    }
    return { rate: context.sampleRate, name: "microphone", stop };
  } catch (error) {
    release();
    throw error;
  }
}

async function packerOf(context) {
  try {
    await context.audioWorklet.addModule("worklet.js");
  } catch (error) {
    throw new Error(`this page's worklet.js could not be loaded (${error.message})`);
  }
  const size = Math.round(context.sampleRate * PACKET);
  return new AudioWorkletNode(context, "packer", { numberOfOutputs: 0, processorOptions: { size } });
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

// `take` may give back a promise, which is waited for before more is read.
export async function file(blob, take, ended, failed) {
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
      let packet;
      try {
        packet = await recording.samples(next, Math.min(next + size, length));
      } catch (error) {
        failed(`${blob.name} can no longer be read after ${(next / rate).toFixed(1)} s (${error.message}).`);
        return;
      }
      if (stopped) return;
      next += packet.length;
      await take(packet);
    }
    if (!stopped) ended();
  }
  return { rate, name: blob.name, stop: async () => (stopped = true), play };
}
