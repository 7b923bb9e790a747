// Products of small matrices, row-major: too small for a BLAS to be at its best, small enough for the inner caches.

#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define COLUMN_VECTORS 4
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define COLUMN_VECTORS 2
#else
#define VECTOR_BYTES 16
#define COLUMN_VECTORS 2
#endif
// a tile of ROWS x COLUMN_VECTORS sums, one row of B and one number of A fill the vector registers
#define ROWS 6

namespace metafed {

template <typename T>
struct Simd;
template <>
struct Simd<float> {
    typedef float type __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
};
template <>
struct Simd<double> {
    typedef double type __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));
};

template <typename T>
constexpr long lanes() {
    return VECTOR_BYTES / (long)sizeof(T);
}

template <typename T>
long padded(long columns) {
    return (columns + lanes<T>() - 1) / lanes<T>() * lanes<T>();
}

// What the sums start from.
enum Start { ZERO, BIAS, ADD };

// c (R, columns) = a (R, K) b (K, columns), where b has V whole vectors in a row and c may have fewer columns.
// a[r, k] lies at a[r * row + k * step].
template <typename T, int R, int V>
inline void tile(long K, const T* a, long row, long step, const T* b, long ldb, T* c, long ldc, long columns,
                 Start start, const T* bias, bool relu) {
    typedef typename Simd<T>::type vec;
    constexpr long L = lanes<T>();
    const bool whole = columns == V * L;
    vec sums[R][V];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) {
            const T* from = start == BIAS ? bias : c + r * ldc;
            if (start == ZERO)
                sums[r][v] = vec{};
            else if (whole)
                sums[r][v] = *(const vec*)(from + v * L);
            else {
                T buffer[L] = {};
                long left = std::min(L, columns - v * L);
                std::memcpy(buffer, from + v * L, left * sizeof(T));
                std::memcpy(&sums[r][v], buffer, sizeof(vec));
            }
        }
    for (long k = 0; k < K; k++) {
        vec line[V];
        for (int v = 0; v < V; v++) line[v] = *(const vec*)(b + k * ldb + v * L);
        for (int r = 0; r < R; r++) {
            const T factor = a[r * row + k * step];
            for (int v = 0; v < V; v++) sums[r][v] += factor * line[v];
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) {
            // a NaN stays one, as in PyTorch
            if (relu) sums[r][v] = sums[r][v] < T(0) ? vec{} : sums[r][v];
            if (whole)
                *(vec*)(c + r * ldc + v * L) = sums[r][v];
            else {
                T buffer[L];
                std::memcpy(buffer, &sums[r][v], sizeof(vec));
                std::memcpy(c + r * ldc + v * L, buffer, std::min(L, columns - v * L) * sizeof(T));
            }
        }
}

template <typename T, int V>
inline void rows(long M, long K, const T* a, long row, long step, const T* b, long ldb, T* c, long ldc, long columns,
                 Start start, const T* bias, bool relu) {
    long m = 0;
    for (; m + ROWS <= M; m += ROWS)
        tile<T, ROWS, V>(K, a + m * row, row, step, b, ldb, c + m * ldc, ldc, columns, start, bias, relu);
    const T* rest = a + m * row;
    T* to = c + m * ldc;
    switch (M - m) {
        case 1: tile<T, 1, V>(K, rest, row, step, b, ldb, to, ldc, columns, start, bias, relu); break;
        case 2: tile<T, 2, V>(K, rest, row, step, b, ldb, to, ldc, columns, start, bias, relu); break;
        case 3: tile<T, 3, V>(K, rest, row, step, b, ldb, to, ldc, columns, start, bias, relu); break;
        case 4: tile<T, 4, V>(K, rest, row, step, b, ldb, to, ldc, columns, start, bias, relu); break;
        case 5: tile<T, 5, V>(K, rest, row, step, b, ldb, to, ldc, columns, start, bias, relu); break;
    }
}

// c (M, N) = a (M, K) b (K, N); rows of b can be read to their padded end.
template <typename T>
void product(long M, long N, long K, const T* a, long row, long step, const T* b, long ldb, T* c, Start start,
             const T* bias = nullptr, bool relu = false) {
    constexpr long L = lanes<T>();
    for (long n = 0; n < N; n += COLUMN_VECTORS * L) {
        const long columns = std::min(N - n, COLUMN_VECTORS * L);
        const T* own = bias ? bias + n : nullptr;
        switch ((columns + L - 1) / L) {
            case 1: rows<T, 1>(M, K, a, row, step, b + n, ldb, c + n, N, columns, start, own, relu); break;
            case 2: rows<T, 2>(M, K, a, row, step, b + n, ldb, c + n, N, columns, start, own, relu); break;
#if COLUMN_VECTORS > 2
            case 3: rows<T, 3>(M, K, a, row, step, b + n, ldb, c + n, N, columns, start, own, relu); break;
            case 4: rows<T, 4>(M, K, a, row, step, b + n, ldb, c + n, N, columns, start, own, relu); break;
#endif
        }
    }
}

// A matrix (K, N) whose rows can be read to their padded end: itself where it is so wide, else a copy.
template <typename T>
struct Wide {
    const T* data;
    long stride;
    Wide(const T* from, long K, long N, std::vector<T>& scratch) : data(from), stride(padded<T>(N)) {
        if (stride == N) return;
        scratch.assign(K * stride, T(0));
        for (long k = 0; k < K; k++) std::memcpy(&scratch[k * stride], from + k * N, N * sizeof(T));
        data = scratch.data();
    }
};

// to (8, 8) = the transpose of from (8, 8).
template <typename T>
inline void turn(const T* from, long ldf, T* to, long ldt) {
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) to[j * ldt + i] = from[i * ldf + j];
}

#if defined(__clang__) || __GNUC__ >= 12
// The same in three rounds of exchanges between registers.
template <>
inline void turn(const float* from, long ldf, float* to, long ldt) {
    typedef float row8 __attribute__((vector_size(32), aligned(4), may_alias));
    typedef int lanes8 __attribute__((vector_size(32)));
    row8 r[8], s[8];
    for (int i = 0; i < 8; i++) r[i] = *(const row8*)(from + i * ldf);
    for (int i = 0; i < 8; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            r[i + 2 * j] = __builtin_shufflevector(s[i + j], s[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            r[i + 2 * j + 1] = __builtin_shufflevector(s[i + j], s[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; i++) {
        *(row8*)(to + i * ldt) = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(row8*)(to + (i + 4) * ldt) = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}
#endif

// The transpose (N, K) of a matrix (K, N), its rows padded with anything finite.
template <typename T>
const T* transposed(const T* from, long K, long N, std::vector<T>& scratch) {
    const long stride = padded<T>(K), K8 = K / 8 * 8, N8 = N / 8 * 8;
    if ((long)scratch.size() < N * stride) scratch.assign(N * stride, T(0));
    T* to = scratch.data();
    for (long k = 0; k < K8; k += 8)
        for (long n = 0; n < N8; n += 8) turn(from + k * N + n, N, to + n * stride + k, stride);
    for (long k = 0; k < K; k++)
        for (long n = k < K8 ? N8 : 0; n < N; n++) to[n * stride + k] = from[k * N + n];
    return to;
}

}  // namespace metafed
