// Wheel, drag, pinch and click on the graph, told as pan(dx, dy), zoom(factor, x, y) and click(x, y) in pixels of the element.

const A_CLICK_MOVES_LESS = 4;

export function listen(element, on) {
  const held = new Map();
  let moved = 0;
  const at = (x, y) => {
    const box = element.getBoundingClientRect();
    return [x - box.left, y - box.top];
  };

  element.addEventListener("wheel", wheel, { passive: false });
  element.addEventListener("pointerdown", (event) => {
    if (!held.size) moved = 0;
    held.set(event.pointerId, [event.clientX, event.clientY]);
  });
  element.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    element.addEventListener(end, (event) => held.delete(event.pointerId));
  element.addEventListener("click", (event) => moved < A_CLICK_MOVES_LESS && on.click(...at(event.clientX, event.clientY)));

  function wheel(event) {
    event.preventDefault();
    if (event.shiftKey) on.pan(-event.deltaX - event.deltaY, 0);
    else if (event.ctrlKey || event.deltaX === 0)
      on.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), ...at(event.clientX, event.clientY));
    else on.pan(-event.deltaX, -event.deltaY);
  }

  function move(event) {
    const before = held.get(event.pointerId);
    if (!before || !event.buttons) return;
    const now = [event.clientX, event.clientY];
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    held.set(event.pointerId, now);
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved < A_CLICK_MOVES_LESS) return;
    if (!element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    if (other) on.zoom(distance(now, other) / distance(before, other), ...at(...other));
    else on.pan(dx, dy);
  }
}

const distance = ([x0, y0], [x1, y1]) => Math.hypot(x1 - x0, y1 - y0) || 1;
