// A QR code as a picture, made here: what stands in it goes to nobody.

import { t } from "./language.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const QUIET = 4; // modules around it, without which readers do not find it (ISO/IEC 18004)

/** An SVG element, dark on light in either theme, since readers want it so. */
export async function qrCode(text) {
  const { default: qrcode } = await import("./vendor/qrcode/qrcode.js");
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const rows = Array.from({ length: count }, (_, y) =>
    Array.from({ length: count }, (_, x) => (code.isDark(y, x) ? `M${x} ${y}h1v1h-1z` : "")).join(""),
  );
  const size = count + 2 * QUIET;
  const svg = made("svg", { class: "qr-code", viewBox: `${-QUIET} ${-QUIET} ${size} ${size}`, role: "img" });
  svg.setAttribute("aria-label", t("QR code"));
  svg.append(made("path", { d: rows.join("") }));
  return svg;
}

function made(tag, attributes) {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
