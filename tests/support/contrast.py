"""How well the text of a page can be read."""

#: the contrast of each text within an element, given by a selector, with what is behind it (WCAG 2.2, success criterion 1.4.3);
#: those under 4.5. What is disabled need not be read; the explorer is looked at elsewhere.
LOW_CONTRAST = """
(selector) => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {  // layers of colour, the front one first, down to one that is opaque
    const layers = [];
    for (; element; element = element.parentElement ?? element.getRootNode().host) {
      const [r, g, b, alpha = 1] = numbers(getComputedStyle(element).backgroundColor);
      layers.push([r, g, b, alpha]);
      if (alpha === 1) break;
    }
    return layers.reduceRight((under, [r, g, b, a]) => [r, g, b].map((v, i) => a * v + (1 - a) * under[i]), [255, 255, 255]);
  };
  const low = new Set();
  const walk = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.shadowRoot && node.tagName !== "MG-EXPLORER") walk(node.shadowRoot);
      const element = node.parentElement;
      if (node.nodeType !== Node.TEXT_NODE || !node.textContent.trim() || !element?.checkVisibility()) continue;
      if (element.closest("svg, script, style, .katex-mathml, mg-explorer, :disabled")) continue;
      const [a, b] = [luminance(numbers(getComputedStyle(element).color)), luminance(behind(element))].sort((x, y) => y - x);
      if ((a + 0.05) / (b + 0.05) < 4.5) low.add(element.className + ": " + node.textContent.trim().slice(0, 30));
    }
  };
  walk(document.querySelector(selector));
  return [...low];
}
"""
