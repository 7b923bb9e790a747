// 3 x 3 convolutions of many clients' small images, each client with weights of its own: the product and its two
// adjoints, by Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin and Gray 2016, "Fast algorithms for convolutional
// neural networks"), which takes 16 multiplications where the definition takes 36.
//
// Weights are PyTorch's, (C, O, I, 3, 3). All results are exact but for rounding.

#include "images.h"

using namespace metafed;

namespace {

constexpr long TILES = 48;  // tiles of 2 x 2 results that go through the products at once: they stay in the L2 cache

// From one of a tile's 16 numbers to the next, where each has so many rows of channels; a power of two would crowd them
// into few sets of the cache.
long plane(long channels, long rows = TILES) { return rows * channels + BLOCK; }

struct Shape {
    long N, H, W, padding;  // images, their size and the zeros around them
    long height() const { return H + 2 * padding - 2; }
    long width() const { return W + 2 * padding - 2; }
    long across() const { return (width() + 1) / 2; }
    long tiles() const { return N * ((height() + 1) / 2) * across(); }
};

// Where tile t of an image with `side` results a side starts.
struct Tile {
    long n, h, w;
    Tile(const Shape& s, long t) {
        const long each = (s.height() + 1) / 2 * s.across();
        n = t / each;
        h = t % each / s.across() * 2;
        w = t % s.across() * 2;
    }
};

// Fill `at` with where the side x side pixels from (h, w) of image n lie; outside of the image that is `elsewhere`.
template <typename P>
void pixels(P* image, long n, long H, long W, long channels, long h, long w, int side, P* elsewhere, P** at) {
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            const bool inside = h + i >= 0 && h + i < H && w + j >= 0 && w + j < W;
            at[i * side + j] = inside ? image + ((n * H + h + i) * W + w + j) * channels : elsewhere;
        }
}

// The pixels of so many tiles from the first, as far as they exist; they are called from memory in 16 parts, between
// products, so that they are in the cache when their turn comes.
template <int WRITE>
struct Ahead {
    const char* start;
    long part;
    // images of H x W pixels of `size` bytes, of which tiles need those from `above` rows above them to `below`
    Ahead(const void* images, const Shape& s, long first, long count, long H, long W, long size, long above, long below)
        : start((const char*)images), part(0) {
        if (first >= s.tiles()) return;
        const Tile low(s, first), high(s, std::min(first + count, s.tiles()) - 1);
        const long from = std::max(low.n * H + low.h - above, 0L), to = std::min(high.n * H + high.h + below, s.N * H);
        start += from * W * size;
        part = ((to - from) * W * size + 15) / 16;
    }
    void call(int i) const {
        for (long at = i * part; at < (i + 1) * part; at += 64) __builtin_prefetch(start + at, WRITE, 3);
    }
};

// d -> B^T d for one line of four numbers `step` apart.
template <typename T>
inline void spread(typename Simd<T>::type* d, int step) {
    const typename Simd<T>::type a = d[0], b = d[step], c = d[2 * step], e = d[3 * step];
    d[0] = a - c;
    d[step] = b + c;
    d[2 * step] = c - b;
    d[3 * step] = b - e;
}

// x's tiles of 4 x 4 pixels, B^T d B, to v (16, plane), each plane (TILES, channels).
template <typename T>
void enter(const T* x, const Shape& s, long channels, long first, long count, T* v) {
    typedef typename Simd<T>::type vec;
    const T* zeros = scratch<T, 0>(channels);
    for (long t = 0; t < count; t++) {
        const Tile tile(s, first + t);
        const T* at[16];
        pixels(x, tile.n, s.H, s.W, channels, tile.h - s.padding, tile.w - s.padding, 4, zeros, at);
        for (long c = 0; c < channels; c += lanes<T>()) {
            vec d[16];
            for (int i = 0; i < 16; i++) d[i] = *(const vec*)(at[i] + c);
            for (int i = 0; i < 4; i++) spread<T>(d + i, 4);
            for (int i = 0; i < 4; i++) spread<T>(d + 4 * i, 1);
            for (int i = 0; i < 16; i++) *(vec*)(v + i * plane(channels) + t * channels + c) = d[i];
        }
    }
}

// z's tiles of 2 x 2 pixels from m (16, plane), A^T m A; or with ADD, that on top of what z was.
template <typename T, Start START>
void leave(const T* m, const Shape& s, long channels, long first, long count, T* z) {
    typedef typename Simd<T>::type vec;
    T* beyond = scratch<T, 1>(channels);
    for (long t = 0; t < count; t++) {
        const Tile tile(s, first + t);
        T* at[4];
        pixels(z, tile.n, s.height(), s.width(), channels, tile.h, tile.w, 2, beyond, at);
        for (long c = 0; c < channels; c += lanes<T>()) {
            vec rows[2][4];
            for (int j = 0; j < 4; j++) {
                vec d[4];
                for (int i = 0; i < 4; i++) d[i] = *(const vec*)(m + (4 * i + j) * plane(channels) + t * channels + c);
                rows[0][j] = d[0] + d[1] + d[2];
                rows[1][j] = d[1] - d[2] - d[3];
            }
            for (int i = 0; i < 2; i++) {
                vec *left = (vec*)(at[2 * i] + c), *right = (vec*)(at[2 * i + 1] + c);
                const vec sums[2] = {rows[i][0] + rows[i][1] + rows[i][2], rows[i][1] - rows[i][2] - rows[i][3]};
                *left = START == ADD ? *left + sums[0] : sums[0];
                *right = START == ADD ? *right + sums[1] : sums[1];
            }
        }
    }
}

// The adjoint of `leave`: gz's tiles of 2 x 2 pixels, A g A^T, to d (16, plane).
template <typename T>
void enter_slopes(const T* gz, const Shape& s, long channels, long first, long count, T* d) {
    typedef typename Simd<T>::type vec;
    const T* zeros = scratch<T, 0>(channels);
    for (long t = 0; t < count; t++) {
        const Tile tile(s, first + t);
        const T* at[4];
        pixels(gz, tile.n, s.height(), s.width(), channels, tile.h, tile.w, 2, zeros, at);
        for (long c = 0; c < channels; c += lanes<T>()) {
            vec g[4], rows[4][2];
            for (int i = 0; i < 4; i++) g[i] = *(const vec*)(at[i] + c);
            for (int j = 0; j < 2; j++) {
                rows[0][j] = g[j];
                rows[1][j] = g[j] + g[2 + j];
                rows[2][j] = g[j] - g[2 + j];
                rows[3][j] = -g[2 + j];
            }
            for (int i = 0; i < 4; i++) {
                T* to = d + 4 * i * plane(channels) + t * channels + c;
                const long next = plane(channels);
                *(vec*)to = rows[i][0];
                *(vec*)(to + next) = rows[i][0] + rows[i][1];
                *(vec*)(to + 2 * next) = rows[i][0] - rows[i][1];
                *(vec*)(to + 3 * next) = -rows[i][1];
            }
        }
    }
}

// to (N, whole(K)) = the transpose of from (K, N), with zeros in the columns beyond K.
template <typename T>
void transpose(const T* from, long K, long N, T* to) {
    const long stride = whole(K), K8 = K / 8 * 8, N8 = N / 8 * 8;
    for (long n = 0; n < N8; n += 8)
        for (long k = 0; k < K8; k += 8) turn(from + k * N + n, N, to + n * stride + k, stride);
    for (long n = 0; n < N; n++) {
        for (long k = n < N8 ? K8 : 0; k < K; k++) to[n * stride + k] = from[k * N + n];
        std::fill(to + n * stride + K, to + (n + 1) * stride, T(0));
    }
}

// The weights in Winograd's domain, u (16, plane), each plane (K, columns) = G w G^T. From I to O channels, K = I and the columns are O;
// the other way round, as the gradient of x needs them, with the filter turned by half a turn.
template <typename T>
void transform(const T* w, long O, long I, bool back, T* u) {
    typedef typename Simd<T>::type vec;
    const long K = back ? O : I, columns = whole(back ? I : O), next = plane(columns, K);
    T* taps = scratch<T, 2>(9 * K * columns);
    if (back)
        for (long k = 0; k < K; k++) transpose(w + 9 * I * k, I, 9, taps + 9 * k * columns);
    else
        transpose(w, O, 9 * I, taps);
    for (long k = 0; k < K; k++)
        for (long c = 0; c < columns; c += lanes<T>()) {
            const T* tap = taps + 9 * k * columns + c;
            vec half[4][3];
            for (int j = 0; j < 3; j++) {
                vec g[3];
                for (int i = 0; i < 3; i++) g[i] = *(const vec*)(tap + (back ? 8 - 3 * i - j : 3 * i + j) * columns);
                half[0][j] = g[0];
                half[1][j] = (g[0] + g[2] + g[1]) * T(0.5);
                half[2][j] = (g[0] + g[2] - g[1]) * T(0.5);
                half[3][j] = g[2];
            }
            for (int i = 0; i < 4; i++) {
                T* to = u + 4 * i * next + k * columns + c;
                const vec* h = half[i];
                *(vec*)to = h[0];
                *(vec*)(to + next) = (h[0] + h[2] + h[1]) * T(0.5);
                *(vec*)(to + 2 * next) = (h[0] + h[2] - h[1]) * T(0.5);
                *(vec*)(to + 3 * next) = h[2];
            }
        }
}

// The adjoint of `transform`: gw (O, I, 3, 3) = G^T u G of u (16, plane), each plane (I, columns).
template <typename T>
void transform_slopes(const T* u, long O, long I, T* gw) {
    typedef typename Simd<T>::type vec;
    const long columns = whole(O), O8 = O / 8 * 8, N = 9 * I, N8 = N / 8 * 8, next = plane(columns, I);
    T* taps = scratch<T, 2>(N * columns);
    for (long k = 0; k < I; k++)
        for (long c = 0; c < columns; c += lanes<T>()) {
            vec half[3][4];
            for (int j = 0; j < 4; j++) {
                vec d[4];
                for (int i = 0; i < 4; i++) d[i] = *(const vec*)(u + (4 * i + j) * next + k * columns + c);
                half[0][j] = d[0] + (d[1] + d[2]) * T(0.5);
                half[1][j] = (d[1] - d[2]) * T(0.5);
                half[2][j] = (d[1] + d[2]) * T(0.5) + d[3];
            }
            for (int i = 0; i < 3; i++) {
                const vec* h = half[i];
                T* to = taps + (9 * k + 3 * i) * columns + c;
                *(vec*)to = h[0] + (h[1] + h[2]) * T(0.5);
                *(vec*)(to + columns) = (h[1] - h[2]) * T(0.5);
                *(vec*)(to + 2 * columns) = (h[1] + h[2]) * T(0.5) + h[3];
            }
        }
    for (long o = 0; o < O8; o += 8)
        for (long n = 0; n < N8; n += 8) turn(taps + n * columns + o, columns, gw + o * N + n, N);
    for (long o = 0; o < O; o++)
        for (long n = o < O8 ? N8 : 0; n < N; n++) gw[o * N + n] = taps[n * columns + o];
}

// z = w * x; with `back`, x has O channels, z has I, and it is the adjoint of the convolution that has padding
// 2 - padding. With ADD, on top of what z was.
template <typename T, Start START>
void convolve(long C, Shape s, long I, long O, const T* x, const T* w, long ws, bool back, T* z) {
    const long K = back ? O : I, from = whole(K), to = whole(back ? I : O), tiles = s.tiles();
    T* u = scratch<T, 3>(16 * plane(to, K));
    T* v = scratch<T, 4>(16 * plane(from));
    T* m = scratch<T, 5>(16 * plane(to));
    for (long c = 0; c < C; c++) {
        if (c == 0 || ws) transform(w + c * ws, O, I, back, u);
        const T* own = x + c * s.N * s.H * s.W * from;
        T* result = z + c * s.N * s.height() * s.width() * to;
        for (long first = 0; first < tiles; first += TILES) {
            const long count = std::min(TILES, tiles - first);
            enter(own, s, from, first, count, v);
            const Ahead<0> next(own, s, first + count, TILES, s.H, s.W, from * sizeof(T), s.padding, 4);
            const Ahead<1> here(result, s, first, count, s.height(), s.width(), to * sizeof(T), 0, 2);
            for (int i = 0; i < 16; i++) {
                next.call(i);
                here.call(i);
                product<T>(count, to, K, v + i * plane(from), from, 1, u + i * plane(to, K), to,
                           m + i * plane(to), ZERO);
            }
            leave<T, START>(m, s, to, first, count, result);
        }
    }
}

// gw, the adjoint in w: (C, O, I, 3, 3) from x and gz.
template <typename T>
void weigh(long C, Shape s, long I, long O, const T* x, const T* gz, T* gw) {
    const long from = whole(I), to = whole(O), tiles = s.tiles();
    T* u = scratch<T, 3>(16 * plane(to, I));
    T* v = scratch<T, 4>(16 * plane(from));
    T* d = scratch<T, 5>(16 * plane(to));
    for (long c = 0; c < C; c++) {
        const T* own = x + c * s.N * s.H * s.W * from;
        const T* slopes = gz + c * s.N * s.height() * s.width() * to;
        for (long first = 0; first < tiles; first += TILES) {
            const long count = std::min(TILES, tiles - first);
            enter(own, s, from, first, count, v);
            enter_slopes(slopes, s, to, first, count, d);
            const Ahead<0> images(own, s, first + count, TILES, s.H, s.W, from * sizeof(T), s.padding, 4);
            const Ahead<0> results(slopes, s, first + count, TILES, s.height(), s.width(), to * sizeof(T), 0, 2);
            for (int i = 0; i < 16; i++) {
                images.call(i);
                results.call(i);
                product<T>(I, to, count, v + i * plane(from), 1, from, d + i * plane(to), to,
                           u + i * plane(to, I), first ? ADD : ZERO);
            }
        }
        transform_slopes(u, O, I, gw + c * O * I * 9);
    }
}

}  // namespace

#define FOR_TYPE(T, NAME)                                                                                              \
    extern "C" void convolve_##NAME(long C, long N, long H, long W, long padding, long I, long O, const T* x,         \
                                    const T* w, long ws, int back, int add, T* z) {                                   \
        auto call = add ? convolve<T, ADD> : convolve<T, ZERO>;                                                       \
        call(C, {N, H, W, padding}, I, O, x, w, ws, back, z);                                                         \
    }                                                                                                                  \
    extern "C" void weigh_##NAME(long C, long N, long H, long W, long padding, long I, long O, const T* x,            \
                                 const T* gz, T* gw) {                                                                \
        weigh<T>(C, {N, H, W, padding}, I, O, x, gz, gw);                                                             \
    }

FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
