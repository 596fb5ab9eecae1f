// The report's behaviour: point read-out, zoom and records of the history plots, read-out of cost bars, theme, copying.
// Everything it needs is in the page; without it the page shows the same facts, only not at the pointer.
"use strict";
(() => {
  const STEP = 10, HEIGHT = 1000, TICKS = 4;
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";

  function make(name, text, attributes) {
    const node = document.createElement(name);
    if (text !== undefined && text !== null) node.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    return node;
  }

  function number(value) {
    const size = Math.abs(value);
    if (size >= 1e7) return (value / 1e6).toLocaleString("en", { maximumFractionDigits: 1 }) + " M";
    if (size >= 1e4 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
    return value.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 5 : 4 });
  }

  function percent(value) {
    const size = Math.abs(value) * 100;
    return size === 0 ? "0 %" : size < 0.001 ? "<0.001 %" : Number(size.toPrecision(2)) + " %";
  }

  // A range whose ends and quarters are round numbers, as results/report_plot.py finds it.
  function scale(low, high) {
    if (high <= low) {
      const margin = Math.abs(low) * 0.01 || 1;
      low -= margin;
      high += margin;
    }
    const power = 10 ** Math.floor(Math.log10((high - low) / TICKS));
    for (const factor of [1, 2, 2.5, 5, 10, 20, 25, 50]) {
      const step = factor * power, bottom = Math.floor(low / step + 1e-9) * step;
      if (bottom + TICKS * step >= high - 1e-9 * step) return [bottom, bottom + TICKS * step];
    }
    return [low, high];
  }

  class Plot {
    constructor(figure, points, unit) {
      this.figure = figure;
      this.points = points; // [run, value, spread, environment, unfit]
      this.unit = unit;
      this.bottom = Number(figure.dataset.bottom);
      this.top = Number(figure.dataset.top);
      this.area = figure.querySelector(".area");
      this.svg = this.area.querySelector("svg");
      this.ticks = figure.querySelectorAll(".y span");
      this.days = figure.querySelectorAll(".x span");
      this.dayTexts = [...this.days].map((day) => day.textContent);
      this.range = [0, points.length - 1];
      this.chosen = -1;
      this.cursor = this.line("cursor");
      this.dot = this.line("chosen");
      this.tip = make("div", null, { class: "tip", hidden: "", role: "status" });
      this.pick = make("div", null, { class: "pick", hidden: "" });
      this.area.append(this.tip, this.pick);
      this.addTools();
      this.listen();
    }

    line(name) {
      const line = document.createElementNS(SVG, "line");
      line.setAttribute("class", name);
      line.setAttribute("visibility", "hidden");
      this.svg.append(line);
      return line;
    }

    addTools() {
      const tools = make("div", null, { class: "tools" });
      const add = (text, label, action) => {
        const button = make("button", text, { type: "button", "aria-label": label });
        button.addEventListener("click", action);
        tools.append(button);
        return button;
      };
      add("+", "Zoom in", () => this.zoom(0.5));
      add("−", "Zoom out", () => this.zoom(2));
      this.all = add("All", "Show all points", () => this.show(0, this.points.length - 1));
      add("Record", "Show the chosen point's record", () => this.open());
      this.figure.append(tools);
    }

    y(value) {
      return HEIGHT * (1 - (value - this.bottom) / (this.top - this.bottom));
    }

    // Which point is nearest to a place in the area, in pixels from its left edge.
    at(pixels) {
      const [first, last] = this.range, share = pixels / this.area.clientWidth;
      const index = Math.round(first - 0.5 + share * (last - first + 1));
      return Math.max(first, Math.min(last, index));
    }

    choose(index) {
      this.chosen = index;
      if (index < 0) {
        this.tip.hidden = true;
        this.cursor.setAttribute("visibility", "hidden");
        this.dot.setAttribute("visibility", "hidden");
        return;
      }
      const [runIndex, value, spread, environment, unfit] = this.points[index], run = data.runs[runIndex];
      const x = index * STEP, y = this.y(value);
      const place = (line, x1, x2, y1, y2) => {
        for (const [key, at] of Object.entries({ x1, x2, y1, y2 })) line.setAttribute(key, at);
        line.setAttribute("visibility", "visible");
      };
      const view = this.svg.viewBox.baseVal;
      place(this.cursor, x, x, view.y, view.y + view.height);
      place(this.dot, x, x, y, y);
      this.tip.replaceChildren(
        make("div", `${number(value)} ${this.unit} ±${percent(spread)}`),
        make("div", `${run.started.slice(0, 16).replace("T", " ")} ${run.revision.slice(0, 12)}${run.dirty ? " + changes" : ""}`),
        make("div", `environment ${(data.environments[environment] || "not described").slice(0, 16)}${unfit ? ", not fit for sign-off" : ""}`),
      );
      this.tip.hidden = false;
      const [first, last] = this.range, width = this.area.clientWidth;
      const left = ((index - first + 0.5) / (last - first + 1)) * width;
      const room = this.tip.offsetWidth + 12;
      this.tip.style.left = `${Math.max(0, Math.min(width - this.tip.offsetWidth, left + room < width ? left + 12 : left - room))}px`;
      this.tip.style.top = y < view.y + view.height / 2 ? "auto" : "4px";
      this.tip.style.bottom = y < view.y + view.height / 2 ? "4px" : "auto";
    }

    show(first, last) {
      first = Math.max(0, Math.min(first, this.points.length - 1));
      last = Math.max(first, Math.min(last, this.points.length - 1));
      this.range = [first, last];
      const seen = this.points.slice(first, last + 1);
      const values = seen.map((point) => point[1]);
      const whole = first === 0 && last === this.points.length - 1;
      const [bottom, top] = whole ? [this.bottom, this.top] : scale(Math.min(...values), Math.max(...values));
      const upper = this.y(top), lower = this.y(bottom);
      this.svg.setAttribute("viewBox", `${first * STEP - STEP / 2} ${upper} ${(last - first + 1) * STEP} ${lower - upper}`);
      this.ticks.forEach((tick, i) => { tick.textContent = number(top - ((top - bottom) * i) / TICKS); });
      const marks = [first, Math.floor((first + last + 1) / 2), last];
      this.days.forEach((day, i) => {
        const started = data.runs[this.points[Math.min(marks[i], last)][0]].started;
        day.textContent = whole ? this.dayTexts[i] : started.slice(5, 16).replace("T", " ");
      });
      this.choose(this.chosen >= first && this.chosen <= last ? this.chosen : -1);
    }

    zoom(factor) {
      const [first, last] = this.range, count = last - first + 1;
      const wanted = Math.max(3, Math.min(this.points.length, Math.round(count * factor)));
      const centre = this.chosen >= first && this.chosen <= last ? this.chosen : Math.round((first + last) / 2);
      const start = Math.max(0, Math.min(this.points.length - wanted, centre - Math.floor(wanted / 2)));
      this.show(start, start + wanted - 1);
    }

    open() {
      const index = this.chosen < 0 ? this.range[1] : this.chosen;
      this.choose(index);
      showRecord(this.points[index], this.unit, this.area);
    }

    listen() {
      let from = null;
      const place = (event) => event.clientX - this.area.getBoundingClientRect().left;
      this.area.addEventListener("pointerdown", (event) => {
        if (event.pointerType === "mouse" && event.button === 0) from = place(event);
      });
      this.area.addEventListener("pointermove", (event) => {
        const now = place(event);
        this.choose(this.at(now));
        if (from !== null && Math.abs(now - from) > 6) {
          this.pick.hidden = false;
          this.pick.style.left = `${Math.min(from, now)}px`;
          this.pick.style.width = `${Math.abs(now - from)}px`;
        }
      });
      this.area.addEventListener("pointerup", (event) => {
        const dragged = !this.pick.hidden;
        if (dragged) {
          const ends = [this.at(from), this.at(place(event))].sort((a, b) => a - b);
          this.show(ends[0], ends[1]);
        } else if (event.pointerType === "mouse" && from !== null) {
          this.open();
        } else {
          this.choose(this.at(place(event)));
        }
        from = null;
        this.pick.hidden = true;
      });
      this.area.addEventListener("pointerleave", () => {
        from = null;
        this.pick.hidden = true;
        if (document.activeElement !== this.area) this.choose(-1);
      });
      this.area.addEventListener("dblclick", () => this.show(0, this.points.length - 1));
      this.area.addEventListener("blur", () => this.choose(-1));
      this.area.addEventListener("keydown", (event) => {
        const [first, last] = this.range, now = this.chosen < 0 ? last + 1 : this.chosen;
        const actions = {
          ArrowLeft: () => this.choose(Math.max(first, now - 1)),
          ArrowRight: () => this.choose(Math.min(last, now + 1)),
          Home: () => this.choose(first),
          End: () => this.choose(last),
          "+": () => this.zoom(0.5),
          "=": () => this.zoom(0.5),
          "-": () => this.zoom(2),
          0: () => this.show(0, this.points.length - 1),
          Escape: () => { this.choose(-1); this.show(0, this.points.length - 1); },
          Enter: () => this.open(),
        };
        if (actions[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
          event.preventDefault();
          actions[event.key]();
        }
      });
    }
  }

  const dialog = document.getElementById("point");
  let opener = null;

  function showRecord(point, unit, from) {
    const [runIndex, value, spread, environment, unfit] = point, run = data.runs[runIndex];
    opener = from;
    const facts = make("dl", null, { class: "facts" });
    const fact = (name, text) => {
      const pair = make("div");
      pair.append(make("dt", name), make("dd", text));
      facts.append(pair);
    };
    fact("Value", `${number(value)} ${unit} ±${percent(spread)}${unfit ? ", not fit for sign-off" : ""}`);
    fact("Run", run.id);
    fact("Record (file:line below the results' root)", run.where);
    fact("Revision", `${run.revision || "unknown"}${run.dirty ? " + uncommitted changes" : ""}`);
    fact("Started", run.started.slice(0, 19).replace("T", " ") + " UTC");
    fact("Environment", data.environments[environment] || "not described");
    const body = dialog.querySelector(".body");
    body.replaceChildren(facts, make("p", "The whole record:"), make("pre", `python -m results show ${run.id} --json`));
    const inline = document.getElementById(run.anchor);
    const link = dialog.querySelector(".whole");
    link.hidden = !inline;
    if (inline) link.setAttribute("href", `#${run.anchor}`);
    dialog.showModal();
  }

  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.querySelector(".whole").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { if (opener) opener.focus({ preventScroll: true }); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  for (const [id, plot] of Object.entries(data.plots)) {
    const figure = document.getElementById(id);
    if (figure) new Plot(figure, plot.points, plot.unit);
  }

  // The metric shown in the history.
  const metric = document.getElementById("metric");
  if (metric) {
    const groups = [...document.querySelectorAll("[data-metric]")];
    const choose = () => groups.forEach((group) => { group.hidden = group.dataset.metric !== metric.value; });
    metric.addEventListener("change", choose);
    document.getElementById("metrics").hidden = false;
    choose();
  }

  for (const bar of document.querySelectorAll(".icicle")) {
    const readout = bar.parentElement.querySelector(".readout"), split = bar.parentElement.querySelector(".split");
    const tell = (event) => {
      const piece = event.target.closest("[title]");
      readout.textContent = piece ? piece.title : "";
      readout.hidden = !piece;
      split.hidden = Boolean(piece);
    };
    bar.addEventListener("pointerover", tell);
    bar.addEventListener("pointerdown", tell);
    bar.addEventListener("pointerleave", () => {
      readout.hidden = true;
      split.hidden = false;
    });
  }

  // A link into a folded part opens it.
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();

  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details.printed:not([open])")) {
      folded.open = true;
      folded.dataset.folded = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const folded of document.querySelectorAll("details[data-folded]")) {
      folded.open = false;
      delete folded.dataset.folded;
    }
  });

  for (const block of document.querySelectorAll(".command")) {
    const button = make("button", "Copy", { type: "button" });
    button.addEventListener("click", async () => {
      const text = block.querySelector("pre").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(block.querySelector("pre"));
        button.textContent = "Selected";
      }
    });
    block.append(button);
  }

  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
})();
