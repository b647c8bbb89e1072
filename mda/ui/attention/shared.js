// Helpers of both attention components. Python joins this file with theirs, so that nothing has to be loaded.

/** A new element with a class and, optionally, a text. Texts are untrusted and never become markup. */
function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

/** [red, green, blue] of a CSS colour, whatever its notation. */
function rgbOf(colour) {
  const context = element("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

function mixed(from, to, share) {
  return from.map((value, i) => Math.round(value + (to[i] - value) * share));
}

/** A colour as a whole number of an image's pixels, opaque. */
function pixelOf([red, green, blue]) {
  return new Uint32Array(Uint8Array.of(red, green, blue, 255).buffer)[0];
}

/** Relative luminance and contrast as in WCAG 2.2. */
function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** Colours of the 256 weights for a hue in the theme at hand. A weight shows as its square root, because most
 * weights are small. `fill` reaches the full hue; `shade` stops where text on it would be hard to read. */
function scaleOf(node, hue) {
  const theme = getComputedStyle(node);
  const page = rgbOf(theme.getPropertyValue("--st-background-color"));
  const ink = rgbOf(theme.getPropertyValue("--st-text-color"));
  const colour = rgbOf(hue);
  let most = 1;
  while (most > 0.1 && contrast(ink, mixed(page, colour, most)) < 4.6) most -= 0.02;
  const levels = Array.from({ length: 256 }, (_, byte) => Math.sqrt(byte / 255));
  return {
    ink,
    fill: levels.map((level) => mixed(page, colour, level)),
    pixels: levels.map((level) => pixelOf(mixed(page, colour, level))),
    shade: levels.map((level) => `rgb(${mixed(page, colour, level * most).join(" ")})`),
  };
}
