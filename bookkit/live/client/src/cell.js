// One code cell on the page: its buttons, its editor, and what is said of its last run.

import { coded } from "./coded.js";
import * as kept from "./kept.js";
import { MOST, Outputs } from "./outputs.js";
import { words } from "./words.js";

function button(label, className, work) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = `btn btn-sm ${className}`;
  made.textContent = label;
  made.addEventListener("click", work);
  return made;
}

function made(name, className) {
  const result = document.createElement(name);
  result.className = className;
  return result;
}

export class Cell {
  // `book` is what the server says of the cell; null for one in which the reader tries an answer.
  // `answer` is what can be looked at in that, if anything can.
  constructor(element, id, number, book, bench, answer = null) {
    Object.assign(this, { element, id, number, book, bench, answer });
    this.bookCode = book?.source ?? "";
    this.code = kept.read(id) ?? this.bookCode;
    this.ran = null; // the code that the kernel has run
    this.pre = element.querySelector(".cell_input pre");
    this.bookHtml = this.pre.innerHTML;
    this.addTools();
    this.findOutputs();
    element.addEventListener("keydown", (event) => this.key(event));
    this.pre.addEventListener("click", () => getSelection().isCollapsed && this.open());
    if (this.isChanged) this.open(false);
  }

  get label() {
    return this.book ? words.code(this.number) : words.tryCode;
  }

  get isChanged() {
    return this.code !== this.bookCode;
  }

  get isDue() {
    return this.ran !== this.code;
  }

  get isInSolution() {
    return Boolean(this.element.closest(".solution"));
  }

  get isSeen() {
    return this.run.checkVisibility({ visibilityProperty: true });
  }

  addTools() {
    this.tools = made("div", "live-tools d-print-none");
    this.run = button(words.run, "live-run", () => this.bench.run(this));
    this.run.title = words.runMeans;
    this.run.ariaLabel = this.book ? words.runCell(this.number) : `${words.run}: ${words.try}`;
    this.upTo = button(words.runToHere, "", () => this.bench.runUpTo(this));
    this.upTo.title = words.runToHereMeans;
    this.edit = button(words.edit, "", () => this.open());
    this.back = button(words.putBack, "", () => this.putBack());
    this.mine = button(words.mine, "", () => this.takeMine());
    this.said = made("span", "live-said");
    this.said.role = "status";
    this.hint = made("p", "live-hint");
    this.hint.textContent = words.keys;
    this.tools.append(this.run, ...(this.book ? [this.upTo] : []), this.edit, this.back, this.mine, this.said, this.hint);
    if (this.answer) this.run.after(button(words.check, "live-check", () => this.check()));
    const input = this.element.querySelector(".cell_input");
    (input.closest("details.above-input") ?? input).after(this.tools);
    this.back.hidden = !this.book || !this.isChanged;
    this.mine.hidden = this.hint.hidden = true;
  }

  findOutputs() {
    let place = this.element.querySelector(".cell_output");
    if (!place) {
      place = made("div", "cell_output docutils container");
      this.tools.after(place);
    }
    this.bookShown = [...place.childNodes];
    this.outputs = new Outputs(place, this.book?.outputs ?? [], [...place.children]);
  }

  // Put the editor in the place of the code.
  async open(focus = true) {
    this.editing ??= import("./editor.js").then(({ edit }) => {
      const editor = edit(this.pre.parentElement, this.code, this.label, this.keys, (code) => this.changed(code));
      editor.dom.style.fontSize = getComputedStyle(this.pre).fontSize;
      this.pre.hidden = true;
      this.edit.hidden = true;
      this.hint.hidden = false; // it stays: a button that moves while it is pressed is missed
      return editor;
    });
    const fold = this.element.querySelector("details.above-input");
    if (fold && focus) fold.open = true;
    const editor = await this.editing;
    if (focus) editor.focus();
  }

  get keys() {
    return {
      run: () => this.bench.run(this),
      runAndGoOn: () => this.runAndGoOn(),
      leave: () => this.run.focus(),
    };
  }

  key(event) {
    if (event.key !== "Enter" || event.defaultPrevented || !(event.shiftKey || event.ctrlKey || event.metaKey)) return;
    if (!this.tools.contains(event.target)) return;
    event.preventDefault();
    if (event.shiftKey) this.runAndGoOn();
    else this.bench.run(this);
  }

  // The page stays where the output will be, which is brought into view when it is there.
  runAndGoOn() {
    this.bench.run(this);
    this.bench.after(this)?.run.focus({ preventScroll: true });
  }

  changed(code) {
    this.code = code;
    this.pre.textContent = code; // what the copy button copies
    this.back.hidden = !this.book || !this.isChanged;
    this.mine.hidden = true;
    this.say("");
    if (!kept.keep(this.id, this.isChanged ? code : null)) this.bench.storageIsFull();
  }

  async putBack() {
    const editor = this.editing && (await this.editing);
    editor?.destroy();
    this.editing = null;
    this.own = this.code;
    this.code = this.bookCode;
    kept.keep(this.id, null);
    this.pre.innerHTML = this.bookHtml; // as it came with the page
    this.pre.hidden = this.edit.hidden = false;
    this.back.hidden = this.hint.hidden = true;
    this.outputs.place.replaceChildren(...this.bookShown);
    this.say("");
    this.mine.hidden = false;
    this.mine.focus();
  }

  // Undo that the book's code was put back.
  async takeMine() {
    this.changed(this.own);
    await this.open();
  }

  say(text, kind = "") {
    this.said.replaceChildren(...coded(text));
    this.said.className = `live-said ${kind}`;
  }

  // Run the answer, and have it looked at.
  check() {
    if (!this.code.trim()) return this.say(words.nothing, "live-bad");
    this.checking = true;
    this.bench.run(this);
  }

  // Say what was found by those who looked at the answer.
  judge(found) {
    if (found?.missing.length) return this.say(words.missing(found.missing), "live-bad");
    const wrong = found && this.answer.wrong[found.number];
    if (found && !found.error && wrong === undefined) return this.say(this.answer.right, "live-good");
    this.say((wrong ?? "") + (found?.error ? words.met(found.error) : ""), "live-bad");
  }

  wait() {
    this.say(words.waiting);
  }

  begin() {
    this.outputs.clear();
    this.back.disabled = true;
    this.say(words.running, "live-busy");
    this.element.ariaBusy = "true";
  }

  // Show what is folded, as the output of a cell that answers a question is.
  reveal() {
    const fold = this.outputs.place.closest("details");
    if (fold) fold.open = true;
  }

  // Say how the run ended; `fairly` tells whether the cells before it ran as they stand in the book.
  end(status, fairly, code) {
    this.element.ariaBusy = null;
    this.back.disabled = false;
    const isChanged = code !== this.bookCode;
    const expected = this.book?.raises && !isChanged;
    if (this.outputs.cut) return this.say(words.cut(MOST), "live-bad");
    if (status === "stopped") return this.say(words.stopped, "live-bad");
    if (status === "lost") return this.say(words.lost, "live-bad");
    if (status === "error" && !expected) this.outputs.explain();
    if (!this.book || isChanged) return this.say(status === "error" ? words.raised : words.done, status === "error" ? "live-bad" : "");
    this.compare(fairly);
  }

  compare(fairly) {
    const { outputs } = this;
    if (this.book.ignored) return this.say(words.ignored(this.book.ignored));
    if (outputs.isTheBooks()) return this.say(outputs.all.length ? words.same : words.sameNothing, "live-good");
    this.say(fairly ? words.differs : `${words.differs}. ${words.history}`, "live-bad");
    outputs.mark();
    const fold = made("details", "live-fold");
    const title = made("summary", "");
    title.textContent = words.book;
    fold.append(title, ...this.bookShown.map((node) => (outputs.place.contains(node) ? node.cloneNode(true) : node)));
    outputs.place.append(fold);
  }

  // Another cell, above this one, stopped: this one does not run.
  endBecauseOf(other) {
    this.say(words.above, "live-bad");
    const link = button(words.toCell, "", () => other.run.focus());
    this.said.append(" ", link);
  }
}
