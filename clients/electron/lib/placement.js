// Where the window opens: where it stood, if that is still on a screen. Pure.

export const SMALLEST = { width: 400, height: 480 };
const USUAL = { width: 1180, height: 800 };
const GRIP_PX = 80; // of the title bar, so that the window can be taken hold of

/** `kept`: {x, y, width, height, maximized} or anything; `areas`: the work areas of the screens. */
export function placed(kept, areas) {
  const numbers = ["x", "y", "width", "height"].map((side) => kept?.[side]);
  if (!numbers.every(Number.isFinite)) return { ...USUAL, maximized: Boolean(kept?.maximized) };
  const [x, y, width, height] = numbers.map(Math.round);
  const size = { width: Math.max(width, SMALLEST.width), height: Math.max(height, SMALLEST.height) };
  const maximized = Boolean(kept.maximized);
  return areas.some((area) => reachable({ x, y, ...size }, area))
    ? { x, y, ...size, maximized }
    : { ...size, maximized };
}

function reachable(window, area) {
  const across = Math.min(window.x + window.width, area.x + area.width) - Math.max(window.x, area.x);
  return across >= GRIP_PX && window.y >= area.y && window.y <= area.y + area.height - GRIP_PX;
}
