/** The dtypes under all of PyTorch's names; the conversions of the same names are methods. */
export {
  bfloat16,
  bool,
  float16,
  float16 as half,
  float32,
  float32 as float,
  float64,
  float64 as double,
  int8,
  int16,
  int16 as short,
  int32,
  int32 as int,
  int64,
  int64 as long,
  uint8,
} from "./core/dtype.ts";
