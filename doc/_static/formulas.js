// KaTeX, which lies beside this file, draws the formulas that Sphinx leaves between \( \) or \[ \].
for (const element of document.querySelectorAll(".math")) {
  const number = element.querySelector(".eqno");
  number?.remove();
  const tex = element.textContent.trim().replace(/^\\[([]|\\[)\]]$/g, "");
  katex.render(tex, element, { displayMode: element.matches("div") });
  if (number) element.prepend(number);
}
