/** Elementwise logic: bitwise on integers and booleans, logical on all. */
export {};
