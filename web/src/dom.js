// Elements made in a line. Text goes in as text nodes only, styles through the object model: nothing here needs an exception in a policy.

const SVG = "http://www.w3.org/2000/svg";

/** h("div.row", {attributes}, children): the attributes may be left out, children that are null or false are. */
const maker =
  (create) =>
  (selector, ...parts) => {
    const [tag, ...classes] = selector.split(".");
    const element = create(tag);
    if (classes.length) element.setAttribute("class", classes.join(" "));
    const attributes = Object.getPrototypeOf(parts[0] ?? 0) === Object.prototype ? parts.shift() : {};
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "style") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...shown(parts));
    return element;
  };

/** What there is to show of a nested list. */
export const shown = (parts) => parts.flat(Infinity).filter((part) => part !== null && part !== undefined && part !== false);

export const s = maker((tag) => document.createElementNS(SVG, tag));

const html = maker((tag) => document.createElement(tag));

/** A button submits nothing unless it says so. */
export const h = (selector, ...parts) => {
  const element = html(selector, ...parts);
  if (element.type === "submit" && !element.hasAttribute("type")) element.type = "button";
  return element;
};

export const icon = (path) => s("svg.icon", { viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: path }));

export const hide = (element, isHidden) => element.classList.toggle("hidden", isHidden);
