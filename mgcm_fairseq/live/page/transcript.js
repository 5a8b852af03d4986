// The whole translation, a sentence a paragraph, each with the time at which it began.
import { clock } from "./record.js";

export class Transcript {
  constructor(box) {
    this.box = box;
    this.clear();
  }

  clear() {
    this.box.replaceChildren();
    this.text = null;
  }

  // Shows the sentences of a record: what has been added to the last one, and those that are new.
  show(sentences) {
    const low = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 40;
    for (let index = Math.max(0, this.box.children.length - 1); index < sentences.length; index++) {
      if (index === this.box.children.length) this.begin(sentences[index]);
      this.text.data = sentences[index].text;
    }
    if (low) this.box.scrollTop = this.box.scrollHeight;
  }

  begin({ time }) {
    const line = document.createElement("p");
    const mark = document.createElement("time");
    mark.textContent = clock(time);
    this.text = document.createTextNode("");
    line.append(mark, this.text);
    this.box.append(line);
  }
}
