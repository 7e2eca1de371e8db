{#- The 3x3 convolution of a workgroup's tile by cooperative matrices; then each thread takes its pixels' sums.
    Leaves x, y, origin, group and acc_WORD_PIXEL, as accumulate.wgsl does.
    Each use of a matrix is one line: src/gpu/emulation.rs reads them. -#}
    let first_x = tile.x * TILE_WIDTH;
    let first_y = tile.y * TILE_HEIGHT;
    for (var i = thread; i < IN_BLOCKS * {{ side // 4 }}u * (TILE_HEIGHT + 2u) * CODES_WIDTH; i += THREADS) {
        let tile_x = i % CODES_WIDTH;
        let tile_y = i / CODES_WIDTH % (TILE_HEIGHT + 2u);
        let word = i / CODES_WIDTH / (TILE_HEIGHT + 2u);
        // What lies outside the planes meets only pixels outside the window, and no weight; but it must be a number.
        var four = vec4<f16>(0.0);
        if (word < IN_WORDS && first_x + tile_x < window.stride && first_y + tile_y < window.height + 2u) {
            let index = word * window.plane + (first_y + tile_y) * window.stride + first_x + tile_x;
            four = vec4<f16>(vec4<f32>(unpack4xI8(load(index))));
        }
        let at = (tile_y * CODES_WIDTH + tile_x) * CODES_STRIDE + word * 4u;
        codes[at] = four.x;
        codes[at + 1u] = four.y;
        codes[at + 2u] = four.z;
        codes[at + 3u] = four.w;
    }
    for (var i = thread; i < {{ side }}u * TILE_WIDTH; i += THREADS) {
        sums[i] = 0.0;
    }
    workgroupBarrier();
    let zero = coopLoadT<coop_mat{{ side }}x{{ side }}<f32, C>>(&sums[0], TILE_WIDTH);
    // All have read the zeros before one writes sums there.
    workgroupBarrier();
    for (var step = subgroup; step < STEPS; step += subgroups) {
        let row = step * {{ subgroup_rows }}u;
{%- for m in range(out_blocks) %}{% for r in range(subgroup_rows) %}{% for n in range(tile_width // side) %}
        var sums_{{ m }}_{{ r }}_{{ n }} = zero;
{%- endfor %}{% endfor %}{% endfor %}
        for (var tap = 0u; tap < TAPS; tap++) {
            let pixel = (row + tap / 3u) * CODES_WIDTH + tap % 3u;
{%- for k in range(in_blocks) %}
{%- for m in range(out_blocks) %}
            let weights_{{ k }}_{{ m }} = coopLoadT<coop_mat{{ side }}x{{ side }}<f16, A>>(&layer.weights[((tap * IN_BLOCKS + {{ k }}u) * OUT_BLOCKS + {{ m }}u) * {{ side * side }}u], {{ side }}u);
{%- endfor %}
{%- for r in range(subgroup_rows) %}{% for n in range(tile_width // side) %}
            let codes_{{ k }}_{{ r }}_{{ n }} = coopLoad<coop_mat{{ side }}x{{ side }}<f16, B>>(&codes[(pixel + {{ r }}u * CODES_WIDTH + {{ n * side }}u) * CODES_STRIDE + {{ k * side }}u], CODES_STRIDE);
{%- for m in range(out_blocks) %}
            sums_{{ m }}_{{ r }}_{{ n }} = coopMultiplyAdd(weights_{{ k }}_{{ m }}, codes_{{ k }}_{{ r }}_{{ n }}, sums_{{ m }}_{{ r }}_{{ n }});
{%- endfor %}{% endfor %}{% endfor %}{% endfor %}
        }
{%- for m in range(out_blocks) %}{% for r in range(subgroup_rows) %}{% for n in range(tile_width // side) %}
        coopStoreT(sums_{{ m }}_{{ r }}_{{ n }}, &sums[((row + {{ r }}u) * SUMS_HEIGHT + {{ m * side }}u) * TILE_WIDTH + {{ n * side }}u], TILE_WIDTH);
{%- endfor %}{% endfor %}{% endfor %}
    }
    workgroupBarrier();
    let local_x = thread * {{ pixels }}u % TILE_WIDTH;
    let local_y = thread * {{ pixels }}u / TILE_WIDTH;
    let x = first_x + local_x;
    let y = first_y + local_y;
    let group = 0u;
    if (x >= window.width || y >= window.height) {
        return;
    }
    let origin = y * window.stride + x;
    let at = local_y * SUMS_HEIGHT * TILE_WIDTH + local_x;
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    let acc_{{ word }}_{{ pixel }} = layer.channels[{{ word }}u].bias + vec4<i32>(vec4<f32>(
{%- for channel in range(4) %}sums[at + {{ pixel }}u + {{ word * 4 + channel }}u * TILE_WIDTH]{% if not loop.last %}, {% endif %}{% endfor %}));
{%- endfor %}{% endfor %}
