// Words under the sound, each where it was written. They are elements, so that the pointer finds them.
import { SCALE, SPAN } from "./minute.js";

const ROWS = 6;

export class Words {
  constructor(box, tip) {
    this.box = box;
    this.tip = tip;
    this.clear();
  }

  clear() {
    this.box.replaceChildren();
    this.free = new Array(ROWS).fill(0); // pixels from which on each row is free
    this.shown = []; // {time, element}
  }

  add({ text, heard, ready }, shown) {
    const element = document.createElement("span");
    element.textContent = text;
    const about = `“${text}”: written when ${heard.toFixed(2)} s were heard, there ` +
      `${(1000 * (ready - heard)).toFixed(0)} ms later, shown at ${shown.toFixed(2)} s`;
    element.title = about;
    element.onpointerenter = () => (this.tip.textContent = about);
    const row = this.free.findIndex((end) => end <= heard * SCALE);
    const chosen = row < 0 ? this.free.indexOf(Math.min(...this.free)) : row;
    const left = Math.max(heard * SCALE, this.free[chosen]); // behind another word where all rows are taken
    element.classList.toggle("behind", row < 0);
    element.style.left = `${left}px`;
    element.style.top = `${(chosen * 100) / ROWS}%`;
    this.box.append(element);
    this.free[chosen] = left + element.offsetWidth + 4;
    this.shown.push({ time: heard, element });
  }

  move(now) {
    const start = Math.max(0, now - SPAN);
    this.box.style.transform = `translateX(${-start * SCALE}px)`;
    while (this.shown.length && this.shown[0].time < start - 5) this.shown.shift().element.remove();
  }
}
