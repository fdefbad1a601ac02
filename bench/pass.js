/** @param {number} ms @returns {Promise<void>} resolves when so much time has passed */
export function pass(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
