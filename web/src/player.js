// The player: first, back, play, on, last, and one slider over all steps. The slider's ground is the memory held at each step.
import { h, icon, s } from "./dom.js";
import { formatBytes, largest } from "./values.js";

const ICONS = {
  first: "M3 3v10M13 3L6 8l7 5z",
  back: "M11 3L4 8l7 5z",
  play: "M4 3l9 5-9 5z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  on: "M5 3l7 5-7 5z",
  last: "M13 3v10M3 3l7 5-7 5z",
};
const PACE = 900; // milliseconds a step while playing
const HEIGHT = 44;
const MOST_POINTS = 400;

/** go(step). */
export function player(go) {
  let [session, playing, peak, length] = [null, null, 0, 1];
  const step = () => session.step;
  const button = (name, label, act) => h("button.round", { title: label, "aria-label": label, onclick: act }, icon(ICONS[name]));
  const playButton = button("play", "Play or pause (space)", toggle);
  const track = h("div.track", {
    role: "slider",
    tabindex: "0",
    "aria-label": "Step",
    "aria-valuemin": "0",
    onkeydown: keys,
    onpointermove: drag,
    onpointerdown: (event) => {
      track.setPointerCapture(event.pointerId);
      drag(event);
    },
  });
  const says = h("div.says", { "aria-live": "polite" });
  const memory = h("div.memory");
  const done = s("rect.done", { y: 0, height: HEIGHT });
  const thumb = h("div.thumb");
  const buttons = [
    button("first", "To the start (Home)", () => go(0)),
    button("back", "One step back (left arrow)", () => go(step() - 1)),
    playButton,
    button("on", "One step on (right arrow)", () => go(step() + 1)),
    button("last", "To the end (End)", () => go(length)),
  ];

  function drag(event) {
    if (!event.buttons) return;
    const { left, width } = track.getBoundingClientRect();
    go(Math.round(((event.clientX - left) / width) * length));
  }

  function keys(event) {
    const jump = { PageUp: 10, PageDown: -10, ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!jump) return;
    event.preventDefault();
    event.stopPropagation();
    go(step() + jump);
  }

  function toggle() {
    clearInterval(playing);
    if (!playing && step() >= length) go(0);
    playing = playing ? null : setInterval(() => go(step() + 1), PACE);
    playButton.replaceChildren(icon(ICONS[playing ? "pause" : "play"]));
  }

  return {
    element: h("div.player", h("div.buttons", buttons), h("div.progress", h("div.captions", says, memory), track)),
    toggle,

    stop() {
      if (playing) toggle();
    },

    show(shown) {
      session = shown;
      const { timeline, live } = session;
      length = timeline.length;
      peak = session.peak;
      const x = (k) => (1000 * k) / (length || 1);
      const stretches = spans(timeline).map(({ from, to, kind }) =>
        s(`rect.span.${kind}`, { x: x(from), width: x(to - from), y: 0, height: HEIGHT }),
      );
      const ground = { viewBox: `0 0 1000 ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
      track.replaceChildren(s("svg", ground, stretches, s("path.live", { d: area(live, peak, x) }), done), thumb);
      track.setAttribute("aria-valuemax", length);
    },

    paint(text) {
      const share = step() / (length || 1);
      thumb.style.left = `${100 * share}%`;
      done.setAttribute("x", 1000 * share);
      done.setAttribute("width", 1000 * (1 - share));
      track.setAttribute("aria-valuenow", step());
      track.setAttribute("aria-valuetext", text);
      says.replaceChildren(h("b", `${step()}`), ` of ${length} · ${text}`);
      memory.textContent = peak ? `${formatBytes(session.live[step()])} held for backward, ${formatBytes(peak)} at most` : "";
      if (playing && step() >= length) toggle();
    },
  };
}

/** Stretches of steps of one phase. */
function spans({ steps }) {
  const found = [];
  steps.forEach((step, k) => {
    const kind = step.phase === "forward" ? "forward" : "backward";
    const last = found.at(-1);
    if (last?.kind === kind && last.pass === step.pass) last.to = k + 1;
    else found.push({ kind, pass: step.pass, from: k, to: k + 1 });
  });
  return found;
}

/** Live bytes as stairs; of many steps that fall on one place the highest. */
function area(live, peak, x) {
  const y = (bytes) => (HEIGHT - 3 - (peak ? (bytes / peak) * (HEIGHT - 9) : 0)).toFixed(1);
  const width = Math.ceil(live.length / MOST_POINTS);
  let path = `M0 ${HEIGHT}L0 ${y(live[0])}`;
  for (let from = 1; from < live.length; from += width) {
    const stretch = live.subarray(from, from + width);
    path += `V${y(largest(stretch))}H${x(from + stretch.length - 1).toFixed(1)}`;
  }
  return `${path}V${HEIGHT}Z`;
}
