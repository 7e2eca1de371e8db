{#- The 3x3 convolution of one thread: `pixels` neighbouring pixels, one group of `words` output words.
    Leaves x and y, its first pixel; origin, the index of its window's top left word in plane 0; group; and acc_WORD_PIXEL.
    The loop over input words stays a loop, its body is straight text, of the window's 3 rows or of 1: compilers then keep
    every value in a register. -#}
    let x = id.x * {{ pixels }}u;
    let y = id.y;
    let group = {% if scale %}0u{% else %}id.z{% endif %};
    if (x >= window.width || y >= window.height) {
        return;
    }
    let origin = y * window.stride + x;
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    var sums_{{ word }}_{{ pixel }} = begin(layer.channels[group * GROUP_WORDS + {{ word }}u].bias);
{%- endfor %}{% endfor %}
    for (var word = 0u; word < IN_WORDS; word++) {
        let row_0 = origin + word * window.plane;
        let weights_0 = (group * IN_WORDS + word) * (TAPS * GROUP_WORDS);
{%- if rows == 1 %}
    for (var row = 0u; row < 3u; row++) {
        let row_0 = row_0 + row * window.stride;
        let weights_0 = weights_0 + row * (3u * GROUP_WORDS);
{%- endif %}
{%- for row in range(1, rows) %}
        let row_{{ row }} = row_{{ row - 1 }} + window.stride;
{%- endfor %}
{%- if load_words == 1 %}
{%- for row in range(rows) %}{% for column in range(pixels + 2) %}
        let codes_{{ row }}_{{ column }} = codes_of(load(row_{{ row }} + {{ column }}u));
{%- endfor %}{% endfor %}
{%- else %}
{#- Rows and planes begin at a multiple of so many words, and so do a thread's pixels. #}
{%- for row in range(rows) %}{% for part in range((pixels + 1) // load_words + 1) %}
        let loaded_{{ row }}_{{ part }} = load(row_{{ row }} / {{ load_words }}u + {{ part }}u);
{%- endfor %}{% endfor %}
{%- for row in range(rows) %}{% for column in range(pixels + 2) %}
        let codes_{{ row }}_{{ column }} = codes_of(loaded_{{ row }}_{{ column // load_words }}[{{ column % load_words }}]);
{%- endfor %}{% endfor %}
{%- endif %}
{%- for tap in range(3 * rows) %}{% for word in range(words) %}
        let factors_{{ tap }}_{{ word }} = factors(layer.weights[weights_0 + {{ tap * words + word }}u]);
{%- for pixel in range(pixels) %}
        sums_{{ word }}_{{ pixel }} =
            add_products(sums_{{ word }}_{{ pixel }}, codes_{{ tap // 3 }}_{{ tap % 3 + pixel }}, factors_{{ tap }}_{{ word }});
{%- endfor %}{% endfor %}{% endfor %}
{%- if rows == 1 %}
    }
{%- endif %}
    }
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    let acc_{{ word }}_{{ pixel }} = end(sums_{{ word }}_{{ pixel }}, layer.channels[group * GROUP_WORDS + {{ word }}u].bias);
{%- endfor %}{% endfor %}
