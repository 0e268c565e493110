// What the agent loops here share: the URL, the task, its two tools, and how the answer is told to the test.
export const url = process.argv[2];
export const task = "What is (2 + 3) * 7?";
export const ran = [];
export const functions = {
  add: ({ a, b }) => { ran.push("add"); return Number(a) + Number(b); },
  multiply: ({ a, b }) => { ran.push("multiply"); return Number(a) * Number(b); },
};
export const numbers = {
  type: "object",
  properties: { a: { type: "integer" }, b: { type: "integer" } },
  required: ["a", "b"],
};
export const tell = (found) => console.log(JSON.stringify({ ran, ...found }));
