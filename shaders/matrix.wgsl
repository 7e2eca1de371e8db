// Cooperative matrices of {{ side }}x{{ side }}: f16 times f16, added up in f32. A subgroup multiplies weights, a row an output
// channel, with codes, a column a pixel; a step of the sum is one tap's next {{ side }} input channels. Codes, weights and sums are
// integers that f16 and f32 hold exactly.

// Pixels along x and y that a workgroup makes; channels rounded up to whole matrices.
const TILE_WIDTH = {{ tile_width }}u;
const TILE_HEIGHT = {{ tile_height }}u;
// Steps in which subgroups make the tile, {{ subgroup_rows }} of its rows at a time.
const STEPS = TILE_HEIGHT / {{ subgroup_rows }}u;
const THREADS = {{ workgroup_size[0] }}u;
const IN_BLOCKS = {{ in_blocks }}u;
const OUT_BLOCKS = {{ out_blocks }}u;

// [tap, block of input channels, block of output channels, output channel, input channel].
alias Weights = f16;

// The tile's codes with a border of one pixel, [y, x, channel].
const CODES_WIDTH = TILE_WIDTH + 2u;
const CODES_STRIDE = {{ codes_stride }}u;
var<workgroup> codes: array<f16, {{ codes_len }}>;
// The sums of products, [y, output channel, x].
const SUMS_HEIGHT = OUT_BLOCKS * {{ side }}u;
var<workgroup> sums: array<f32, {{ sums_len }}>;
