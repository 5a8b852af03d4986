// What the buttons do, and what an answer of the server changes on the page.
import { Connection } from "./connection.js";
import { drawLoad, drawSound, drawStaircase, readColours } from "./drawing.js";
import { Minute, SCALE, SPAN } from "./minute.js";
import { Record, download } from "./record.js";
import { file, microphone } from "./sound.js";
import { Transcript } from "./transcript.js";
import { Words } from "./words.js";

// The sound began at second `zero` of the browser's clock, by the packet that came soonest. A second of a microphone may
// take longer by so much.
const DRIFT = 0.01;
const part = (name) => document.getElementById(name);
const words = new Words(part("words"), part("tip"));
const transcript = new Transcript(part("transcript"));
const about = await (await fetch("about.json")).json();
// What is shown: {source, connection, minute, zero, record, lost, doing, trouble, fault, work, gone, stopping, over}
let now = null;
let starting = false; // while the browser asks for the microphone, or reads the head of a file
let changed = false;

part("languages").textContent = `${about.source_lang} → ${about.target_lang}`;
for (const name of about.runs) part("run").append(new Option(name, name));

function say(text, fault = false) {
  part("state").textContent = text;
  part("state").classList.toggle("fault", fault);
}

function busy(yes) {
  for (const name of ["microphone", "file", "run"]) part(name).disabled = yes;
  if (!yes) part("stop").disabled = true;
}

// What a stream does, or what keeps it from doing so.
function tell(stream) {
  const { connection, source, doing, trouble, fault, work, stopping } = stream;
  const slow = work ? ` The machine has computed for ${work} s; the text is on its way.` : "";
  const seconds = (connection.dropped / source.rate).toFixed(1);
  const behind = connection.full && !stopping ? " The machine does not keep up." : "";
  const dropped = connection.dropped ? ` ${seconds} s of sound were dropped.` : "";
  say(trouble || fault || doing + slow + behind + dropped, Boolean(trouble || fault || behind));
}

// `open` begins a source of sound, as those of sound.js; one at a time.
async function begin(open) {
  if (starting || (now && !now.over)) {
    say("Another stream goes on. Stop it first.");
    return;
  }
  starting = true;
  busy(true);
  const stream = { over: false, lost: 0, trouble: "", fault: "", work: 0 };
  try {
    stream.source = await open((packet) => take(stream, packet), () => stop(stream), (fault) => stop(stream, fault));
  } catch (error) {
    busy(false);
    say(`No sound: ${error.message}`, true);
    return;
  } finally {
    starting = false;
  }
  const { rate, name } = stream.source;
  const run = part("run").value;
  words.clear();
  transcript.clear();
  stream.doing = `Listening to ${name}.`;
  stream.minute = new Minute(rate);
  stream.zero = performance.now() / 1000;
  stream.record = new Record({ name, run, sample_rate: rate, protocol: about.protocol, begun: new Date().toISOString() },
                             about.separator);
  stream.connection = new Connection({
    about, rate, run,
    answer: (message) => answered(stream, message),
    state: (text) => change(stream, { trouble: text }),
    work: (seconds) => computed(stream, seconds < about.beat ? 0 : Math.round(seconds)),
    over: (fault) => end(stream, fault),
  });
  now = stream;
  for (const button of ["save-text", "save-log", "stop"]) part(button).disabled = false;
  tell(stream);
  if (stream.gone) stop(stream, stream.fault);
  else stream.source.play?.();
}

function change(stream, what) {
  Object.assign(stream, what);
  tell(stream);
}

// `work`: seconds for which the machine has been at an answer that takes long, else 0.
function computed(stream, work) {
  if (work !== stream.work) change(stream, { work });
}

// A promise that there is room for as much again.
function take(stream, packet) {
  if (!stream.connection || stream.over) return null; // the first tenths of a second of a microphone
  const { connection } = stream;
  const { dropped, full } = connection;
  stream.minute.hear(packet);
  stream.zero = Math.min(stream.zero + (DRIFT * packet.length) / stream.source.rate,
                         performance.now() / 1000 - stream.minute.now);
  connection.take(packet);
  if (connection.dropped > dropped || connection.full !== full) tell(stream);
  changed = true;
  return connection.room(packet.length);
}

// Sends what is left, and waits for its text. `fault`: why, where it is not the user's wish.
async function stop(stream, fault = "") {
  if (stream.stopping) return;
  if (!stream.connection) { // a microphone that was unplugged while the browser began with it
    Object.assign(stream, { gone: true, fault });
    return;
  }
  stream.stopping = true;
  part("stop").disabled = true;
  change(stream, { doing: "Translating the rest.", fault });
  await stream.source.stop();
  stream.connection.end();
}

function end(stream, fault) {
  stream.over = true;
  stream.source.stop();
  busy(false);
  const why = fault || stream.fault;
  say(why || "Done.", Boolean(why));
}

function answered(stream, message) {
  const shown = performance.now() / 1000 - stream.zero;
  const waiting = message.queue + stream.connection.kept / stream.source.rate;
  stream.minute.answer(message, waiting);
  stream.record.answer(message, Number(shown.toFixed(3)), Number(waiting.toFixed(3)));
  for (const word of message.words) words.add(word, shown);
  words.move(stream.minute.now); // also in a page that nobody sees, which is not drawn
  for (const [from, to] of message.lost ?? []) stream.lost += to - from;
  computed(stream, 0);
  if (message.new || message.lost) transcript.show(stream.record.text);
  part("heard").textContent = message.heard.toFixed(1);
  part("count").textContent = stream.record.words;
  part("rtf").textContent = message.rtf.toFixed(2);
  part("waiting").textContent = waiting.toFixed(1);
  part("lost").textContent = stream.lost.toFixed(1);
  changed = true;
}

function draw() {
  if (changed && now) {
    const colours = readColours();
    drawSound(part("wave"), now.minute, colours);
    drawStaircase(part("staircase"), now.minute, colours);
    drawLoad(part("load"), now.minute, colours);
    follow();
    changed = false;
  }
  requestAnimationFrame(draw);
}

// Keeps what is said now in sight, unless somebody has scrolled back.
function follow() {
  const box = part("timeline");
  const target = Math.min(now.minute.now, SPAN) * SCALE + 80 - box.clientWidth;
  if (now.minute.now * SCALE < box.clientWidth || target - box.scrollLeft < box.clientWidth / 2) box.scrollLeft = target;
}

part("microphone").onclick = () => begin(microphone);
part("stop").onclick = () => stop(now);
part("file").onchange = () => {
  const [chosen] = part("file").files;
  if (chosen) begin((...told) => file(chosen, ...told));
  part("file").value = "";
};
part("save-text").onclick = () => download(now.record.transcript(), "translation.txt");
part("save-log").onclick = () => download(now.record.log(), "translation.jsonl");
document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add("over");
};
document.ondragleave = () => document.body.classList.remove("over");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const [dropped] = event.dataTransfer.files;
  if (dropped) begin((...told) => file(dropped, ...told));
};
addEventListener("resize", () => (changed = true));
requestAnimationFrame(draw);
