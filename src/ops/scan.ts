/** Running sums, products and extrema along a dimension. */
export {};
