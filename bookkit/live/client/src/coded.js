// Text of the book in which `this` is code, as nodes.
export function coded(text) {
  return text.split("`").map((part, number) => {
    if (number % 2 === 0) return document.createTextNode(part);
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}
