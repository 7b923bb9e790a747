// Affine maps of many clients, y = f(x w + b) with f the identity or ReLU, with first and second derivatives.
//
// Every client has a matrix of its own. All arrays are row-major: x (C, N, I), w (C, I, O), b (C, O), y (C, N, O).
// A client stride of 0 lets all clients share one array, as they share theta in the first inner step.

#include "products.h"

using namespace metafed;

namespace {

// gy where the output is not cut off by ReLU; y is null without ReLU.
template <typename T>
const T* cut(const T* gy, const T* y, long count, std::vector<T>& scratch) {
    if (!y) return gy;
    scratch.resize(count);
    for (long i = 0; i < count; i++) scratch[i] = y[i] > T(0) ? gy[i] : T(0);
    return scratch.data();
}

template <typename T>
void forward(long C, long N, long I, long O, const T* x, long xs, const T* w, long ws, const T* b, long bs, T* y,
             int relu) {
    std::vector<T> wide;
    for (long c = 0; c < C; c++) {
        Wide<T> weight(w + c * ws, I, O, wide);
        product<T>(N, O, I, x + c * xs, I, 1, weight.data, weight.stride, y + c * N * O, BIAS, b + c * bs, relu);
    }
}

// gx (C, N, I), gw (C, I, O), gb (C, O) from gy; each may be null.
template <typename T>
void backward(long C, long N, long I, long O, const T* x, long xs, const T* w, long ws, const T* y, const T* gy,
              T* gx, T* gw, T* gb) {
    std::vector<T> open, wide, turned;
    for (long c = 0; c < C; c++) {
        const T* gz = cut(gy + c * N * O, y ? y + c * N * O : nullptr, N * O, open);
        if (gx) {
            const T* weight = transposed(w + c * ws, I, O, turned);
            product<T>(N, I, O, gz, O, 1, weight, padded<T>(I), gx + c * N * I, ZERO);
        }
        if (gw) {
            Wide<T> slope(gz, N, O, wide);
            product<T>(I, O, N, x + c * xs, 1, I, slope.data, slope.stride, gw + c * I * O, ZERO);
        }
        if (gb) {
            T* sums = gb + c * O;
            std::fill(sums, sums + O, T(0));
            for (long n = 0; n < N; n++)
                for (long o = 0; o < O; o++) sums[o] += gz[n * O + o];
        }
    }
}

// The derivatives of backward: ggx, ggw, ggb are those of its results; each may be null.
template <typename T>
void twice(long C, long N, long I, long O, const T* x, long xs, const T* w, long ws, const T* y, const T* gy,
           const T* ggx, const T* ggw, const T* ggb, T* ggy, T* gx, T* gw) {
    std::vector<T> open, wide, turned;
    for (long c = 0; c < C; c++) {
        const T* ux = ggx ? ggx + c * N * I : nullptr;
        const T* uw = ggw ? ggw + c * I * O : nullptr;
        const T* ub = ggb ? ggb + c * O : nullptr;
        if (ggy) {
            T* to = ggy + c * N * O;
            Start start = ub ? BIAS : ZERO;
            if (ux) {
                Wide<T> weight(w + c * ws, I, O, wide);
                product<T>(N, O, I, ux, I, 1, weight.data, weight.stride, to, start, ub);
                start = ADD;
            }
            if (uw) {
                Wide<T> change(uw, I, O, wide);
                product<T>(N, O, I, x + c * xs, I, 1, change.data, change.stride, to, start, ub);
                start = ADD;
            }
            if (start != ADD)
                for (long n = 0; n < N; n++)
                    for (long o = 0; o < O; o++) to[n * O + o] = ub ? ub[o] : T(0);
            if (y) {
                const T* own = y + c * N * O;
                for (long i = 0; i < N * O; i++) to[i] = own[i] > T(0) ? to[i] : T(0);
            }
        }
        if (!gx && !gw) continue;
        const T* gz = cut(gy + c * N * O, y ? y + c * N * O : nullptr, N * O, open);
        if (gx && uw) {
            const T* change = transposed(uw, I, O, turned);
            product<T>(N, I, O, gz, O, 1, change, padded<T>(I), gx + c * N * I, ZERO);
        }
        if (gw && ux) {
            Wide<T> slope(gz, N, O, wide);
            product<T>(I, O, N, ux, 1, I, slope.data, slope.stride, gw + c * I * O, ZERO);
        }
    }
}

}  // namespace

#define FOR_TYPE(T, NAME)                                                                                              \
    extern "C" void forward_##NAME(long C, long N, long I, long O, const T* x, long xs, const T* w, long ws,          \
                                   const T* b, long bs, T* y, int relu) {                                             \
        forward<T>(C, N, I, O, x, xs, w, ws, b, bs, y, relu);                                                         \
    }                                                                                                                  \
    extern "C" void backward_##NAME(long C, long N, long I, long O, const T* x, long xs, const T* w, long ws,         \
                                    const T* y, const T* gy, T* gx, T* gw, T* gb) {                                   \
        backward<T>(C, N, I, O, x, xs, w, ws, y, gy, gx, gw, gb);                                                     \
    }                                                                                                                  \
    extern "C" void twice_##NAME(long C, long N, long I, long O, const T* x, long xs, const T* w, long ws,            \
                                 const T* y, const T* gy, const T* ggx, const T* ggw, const T* ggb, T* ggy, T* gx,    \
                                 T* gw) {                                                                              \
        twice<T>(C, N, I, O, x, xs, w, ws, y, gy, ggx, ggw, ggb, ggy, gx, gw);                                        \
    }

FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
