export function train(torch: unknown): {
  losses: number[];
  weight: number[];
  printed: string;
  same: boolean;
  bytes: number;
};
