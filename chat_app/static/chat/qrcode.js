// A QR code as a picture, made here: what stands in it goes to nobody.

import { shape } from "./dom.js";
import { t } from "./language.js";

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
  const viewBox = `${-QUIET} ${-QUIET} ${size} ${size}`;
  const dark = shape("path", { d: rows.join("") });
  return shape("svg", { class: "qr-code", viewBox, role: "img", "aria-label": t("QR code") }, dark);
}
