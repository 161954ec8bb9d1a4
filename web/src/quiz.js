// Quiz: what a backward step sends on is hidden until it is typed in. Numbers as one would say them are right to one per cent.
import { numbers, summary } from "./values.js";

export class Quiz {
  constructor() {
    this.answers = new Map(); // position of the contribution -> "right" or "shown"
  }

  hides(position) {
    return !this.answers.has(position);
  }

  /** The element asked for: the one that is followed, if it is there, else the largest. */
  element(value, followed = -1) {
    if (followed >= 0) return followed;
    const data = numbers(value);
    let best = 0;
    for (let k = 1; k < data.length; k++) if (Math.abs(data[k]) > Math.abs(data[best])) best = k;
    return best;
  }

  /** "right", "wrong", or "unread" if the text is no number. */
  answer(position, text, value, k) {
    const typed = read(text);
    if (typed === null) return "unread";
    if (!isClose(typed, numbers(value)[k], summary(value))) return "wrong";
    this.answers.set(position, "right");
    return "right";
  }

  show(position) {
    this.answers.set(position, "shown");
  }

  get score() {
    const given = [...this.answers.values()];
    return `${given.filter((answer) => answer === "right").length} of ${given.length} right`;
  }
}

/** Beside what is largest in the array, rounding is nothing: 0 is right for 1e-17. */
function isClose(typed, truth, { min, max }) {
  if (!Number.isFinite(truth)) return Object.is(typed, truth);
  const largest = Math.max(Math.abs(min), Math.abs(max));
  return Math.abs(typed - truth) <= 0.01 * Math.abs(truth) + 1e-6 * largest;
}

/** A number as people type it: −0.5, 1e-3, 0,25, 1/3, inf, nan. */
export function read(text) {
  const plain = text
    .trim()
    .toLowerCase()
    .replaceAll("−", "-")
    .replace(/^(-?\d+),(\d+)$/, "$1.$2");
  const special = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  if (plain in special) return special[plain];
  const fraction = /^(-?[\d.]+)\s*\/\s*([\d.]+)$/.exec(plain);
  if (fraction) return Number(fraction[1]) / Number(fraction[2]);
  return /\d/.test(plain) && !Number.isNaN(Number(plain)) ? Number(plain) : null;
}
