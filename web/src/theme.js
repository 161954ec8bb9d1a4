// The colours of the style sheet as they are now, for what is drawn on canvases.

const NAMES = {
  line: "--line",
  faint: "--faint",
  forward: "--forward",
  backward: "--backward",
  target: "--backward",
  found: "--found",
  ink: "--ink",
  back: "--back",
};

/** {name: "light" | "dark", line, faint, …}: a probe tells what the sheet makes of each. */
export function themeOf(host, probe) {
  const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const name = host.getAttribute("theme") ?? (prefersDark ? "dark" : "light");
  const colours = Object.entries(NAMES).map(([key, variable]) => {
    probe.style.color = `var(${variable})`;
    return [key, hex(getComputedStyle(probe).color)];
  });
  probe.style.color = "";
  return { name, ...Object.fromEntries(colours) };
}

/** "rgb(255, 0, 128)" as "#ff0080". */
const hex = (text) =>
  `#${text
    .match(/\d+/g)
    .slice(0, 3)
    .map((n) => Number(n).toString(16).padStart(2, "0"))
    .join("")}`;
