// Draws the last minute: sound with the ends of segments, the staircase of reading and writing, and the load.
import { SCALE, SPAN } from "./minute.js";

const MARGIN = 28; // pixels at the left of a chart, for its numbers

// The canvas at the size that it has on this screen, empty.
function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "11px system-ui, sans-serif";
  return { pen, width, height };
}

export function drawSound(canvas, minute, colours) {
  const { pen, height } = prepare(canvas);
  const start = Math.max(0, minute.now - SPAN);
  const x = (time) => (time - start) * SCALE;
  const middle = height / 2;
  pen.fillStyle = colours.faint;
  for (const [from, to] of minute.lost) pen.fillRect(x(from), 0, x(to) - x(from), height);
  pen.strokeStyle = colours.sound;
  pen.beginPath();
  for (const { time, low, high } of minute.peaks) {
    pen.moveTo(x(time), middle - high * middle);
    pen.lineTo(x(time), middle - low * middle + 1);
  }
  pen.stroke();
  pen.strokeStyle = colours.edge;
  pen.beginPath();
  for (const time of minute.ends) {
    pen.moveTo(x(time), 0);
    pen.lineTo(x(time), height);
  }
  pen.stroke();
}

export function drawStaircase(canvas, minute, colours) {
  const { pen, width, height } = prepare(canvas);
  const start = Math.max(0, minute.now - SPAN);
  const least = minute.steps[0].words;
  const most = Math.max(least + 10, minute.words);
  const x = (time) => MARGIN + (Math.max(0, time - start) / SPAN) * (width - MARGIN);
  const y = (words) => height - 16 - ((words - least) / (most - least)) * (height - 24);
  axes(pen, colours, width, height, start, [[least, y(least)], [most, y(most)]]);
  pen.strokeStyle = colours.word;
  pen.beginPath();
  pen.moveTo(x(start), y(least));
  let words = least;
  for (const step of minute.steps) {
    pen.lineTo(x(step.time), y(words));
    words = step.words;
    pen.lineTo(x(step.time), y(words));
  }
  pen.lineTo(x(minute.now), y(words));
  pen.stroke();
}

export function drawLoad(canvas, minute, colours) {
  const { pen, width, height } = prepare(canvas);
  const start = Math.max(0, minute.now - SPAN);
  const most = Math.max(1, ...minute.load.flatMap(({ rtf, waiting }) => [rtf, waiting]));
  const x = (time) => MARGIN + (Math.max(0, time - start) / SPAN) * (width - MARGIN);
  const y = (value) => height - 16 - (value / most) * (height - 24);
  axes(pen, colours, width, height, start, [[0, y(0)], [1, y(1)], ...(most > 1.5 ? [[most.toFixed(1), y(most)]] : [])]);
  for (const [name, key] of [["word", "rtf"], ["waiting", "waiting"]]) {
    pen.strokeStyle = colours[name];
    pen.beginPath();
    for (const one of minute.load) pen.lineTo(x(one.time), y(one[key]));
    pen.stroke();
  }
}

function axes(pen, colours, width, height, start, marks) {
  pen.strokeStyle = colours.faint;
  pen.fillStyle = colours.text;
  for (const [text, y] of marks) {
    pen.fillText(String(text), 2, y + 4);
    pen.beginPath();
    pen.moveTo(MARGIN, y);
    pen.lineTo(width, y);
    pen.stroke();
  }
  for (let time = Math.ceil(start / 10) * 10; time < start + SPAN; time += 10) {
    pen.fillText(`${time} s`, MARGIN + ((time - start) / SPAN) * (width - MARGIN), height - 3);
  }
}

// Colours of the style sheet, which follow the screen's light or dark. A canvas does not know light-dark().
export function readColours() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const names = ["text", "faint", "sound", "edge", "word", "waiting"];
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  return colours;
}
