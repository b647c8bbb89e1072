"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const plots = [...document.querySelectorAll(".plot")].map((place) => {
    const { name, data, layout } = JSON.parse(place.querySelector("script").textContent);
    return { place, name, data, layout };
  });

  const colours = () => {
    const page = getComputedStyle(document.body);
    const text = page.color;
    return {
      "font.color": text,
      "hoverlabel.bgcolor": page.getPropertyValue("--box").trim(),
      "hoverlabel.bordercolor": text,
      "hoverlabel.font.color": text,
    };
  };

  for (const { place, name, data, layout } of plots) {
    const config = {
      responsive: true,
      displaylogo: false,
      modeBarButtons: [["toImage"]],
      toImageButtonOptions: { format: "svg", filename: name },
    };
    Plotly.newPlot(place, data, layout, config).then(() => Plotly.relayout(place, colours()));
  }
  dark.addEventListener("change", () => plots.forEach(({ place }) => Plotly.relayout(place, colours())));

  // browsers limit the length of an address that they save, but not of a file made in the page
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[download]");
    if (!link || !link.href.startsWith("data:")) return;
    event.preventDefault();
    const [head, content] = link.href.split(",", 2);
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const file = URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
    const saved = document.createElement("a");
    saved.href = file;
    saved.download = link.download;
    saved.click();
    setTimeout(() => URL.revokeObjectURL(file), 60000);
  });
})();
