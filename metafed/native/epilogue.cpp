// What follows a convolution: batch norm by the statistics of the client's own rows, ReLU, max-pooling; with its first
// and second derivatives. Images are laid out as images.h says; scale and shift are (C, F).
//
// With z the convolution's result, x = (z - mean) r and r = (variance + epsilon)^-1/2 over the M pixels of real rows,
// window p of the result is y_p = relu(max of scale x + shift). `where` says at which pixel the maximum is, the first
// of equal ones, or CUT; h is gy where y is not cut, else 0.

#include "passes.h"

using namespace metafed;

namespace {

// F numbers, and zeros up to whole blocks of channels.
template <typename T, int KIND>
T* wide(const T* from, long F) {
    T* to = scratch<T, KIND>(whole(F));
    std::fill(to, to + whole(F), T(0));
    if (from) std::copy(from, from + F, to);
    return to;
}

template <typename T>
void narrow(const double* from, long F, T* to) {
    if (to) std::copy(from, from + F, to);
}

// What client c has of arrays of all clients; `of` is null where the kernel has no such array.
template <typename T>
T* own(T* of, long c, long size) {
    return of ? of + c * size : nullptr;
}

// y, where, and the statistics (C, 2, channels): mean and r. Without scale there is no norm, and shift is a bias.
template <typename T, int SIDE>
void forward(Shape s, const T* z, const T* scale, long scales, const T* shift, long shifts, const T* mask,
             double epsilon, int relu, T* y, std::uint8_t* where, T* statistic) {
    const long P = s.channels();
    for (long c = 0; c < s.C; c++) {
        T *mean = statistic + 2 * c * P, *r = mean + P, *factor = wide<T, 0>(own(scale, c, scales), s.F);
        const Client<T, SIDE> client{s, mean, r, own(z, c, s.images()), own(mask, c, s.N)};
        if (scale)
            client.statistics(epsilon, mean, r);
        else {
            std::fill(mean, r, T(0));
            std::fill(r, r + P, T(1));
            std::fill(factor, factor + P, T(1));
        }
        client.pool(factor, wide<T, 1>(shift + c * shifts, s.F), relu, own(y, c, s.windows()),
                    own(where, c, s.windows()));
    }
}

// From gy: gz = scale r (h - (sum of h + x sum of h x) / M), gscale = sum of h x and gshift = sum of h.
template <typename T, int SIDE>
void backward(Shape s, const T* z, const T* scale, long scales, const T* mask, const T* statistic,
              const std::uint8_t* where, const T* gy, T* gz, T* gscale, T* gshift) {
    const long P = s.channels();
    double *h = scratch<double, 2>(P), *hx = scratch<double, 3>(P);
    T *a = scratch<T, 4>(P), *b = scratch<T, 5>(P), *d = scratch<T, 6>(P);
    for (long c = 0; c < s.C; c++) {
        const T *mean = statistic + 2 * c * P, *factor = wide<T, 0>(own(scale, c, scales), s.F);
        const Client<T, SIDE> client{s, mean, mean + P, own(z, c, s.images()), own(mask, c, s.N),
                                     own(where, c, s.windows()), own(gy, c, s.windows())};
        const double M = client.pixels();
        client.window_sums(h, hx, nullptr);
        for (long i = 0; i < P; i++) {
            a[i] = scale ? factor[i] * client.r[i] : T(1);
            b[i] = scale ? T(-a[i] * h[i] / M) : T(0);
            d[i] = scale ? T(-a[i] * hx[i] / M) : T(0);
        }
        client.lay(a, b, d, nullptr, own(gz, c, s.images()));
        narrow(hx, s.F, own(gscale, c, s.F));
        narrow(h, s.F, own(gshift, c, s.F));
    }
}

// The derivatives of backward, of the sum of u gz + uscale gscale + ushift gshift: ggy in gy, and, with a norm, dz in z
// and dscale in scale. With g = scale r, sums U of u, V of u x and, at the maxima, A of h, B of h x and D of h u,
//     ggy = g u + d x + b  with  d = uscale - g V / M  and  b = ushift - g U / M,
//     dscale = r (D - (A U + B V) / M),
//     dz = r (d h + k u - Q / M - x (R + scale dscale) / M)  with  k = -g B / M,  Q = d A + k U,  R = d B + k V.
template <typename T, int SIDE>
void twice(Shape s, const T* z, const T* scale, long scales, const T* mask, const T* statistic,
           const std::uint8_t* where, const T* gy, const T* u, const T* uscale, const T* ushift, T* ggy, T* dz,
           T* dscale) {
    const long P = s.channels();
    double *A = scratch<double, 2>(P), *B = scratch<double, 3>(P), *D = scratch<double, 7>(P);
    double *U = scratch<double, 8>(P), *V = scratch<double, 9>(P), *slope = scratch<double, 10>(P);
    T *a = scratch<T, 4>(P), *b = scratch<T, 5>(P), *d = scratch<T, 6>(P), *e = scratch<T, 11>(P);
    for (long c = 0; c < s.C; c++) {
        const T *mean = statistic + 2 * c * P, *factor = wide<T, 0>(own(scale, c, scales), s.F);
        const T *us = wide<T, 12>(own(uscale, c, s.F), s.F), *ut = wide<T, 13>(own(ushift, c, s.F), s.F);
        const Client<T, SIDE> client{s, mean, mean + P, own(z, c, s.images()), own(mask, c, s.N),
                                     own(where, c, s.windows()), own(gy, c, s.windows()), own(u, c, s.images())};
        const double share = scale ? 1 / client.pixels() : 0.0;
        client.window_sums(A, B, D);
        client.pixel_sums(U, V);
        for (long i = 0; i < P; i++) {
            const double gain = scale ? double(factor[i]) * client.r[i] : 1.0;
            a[i] = T(gain);
            b[i] = T(ut[i] - gain * U[i] * share);
            d[i] = T(us[i] - gain * V[i] * share);
            slope[i] = client.r[i] * (D[i] - (A[i] * U[i] + B[i] * V[i]) * share);
        }
        client.pick(a, b, d, own(ggy, c, s.windows()));
        narrow(slope, s.F, own(dscale, c, s.F));
        if (!dz) continue;
        for (long i = 0; i < P; i++) {
            const double r = client.r[i], k_h = d[i], k_u = -factor[i] * r * B[i] * share;
            const double sum = k_h * A[i] + k_u * U[i], sum_x = k_h * B[i] + k_u * V[i] + factor[i] * slope[i];
            a[i] = T(r * k_h);
            b[i] = T(-r * sum * share);
            d[i] = T(-r * sum_x * share);
            e[i] = T(r * k_u);
        }
        client.lay(a, b, d, e, own(dz, c, s.images()));
    }
}

}  // namespace

#define SIZES long C, long N, long H, long W, long F, long side
#define BY_SIDE(CALL, T) (side == 2 ? CALL<T, 2> : CALL<T, 1>)
#define FOR_TYPE(T, NAME)                                                                                              \
    extern "C" void forward_##NAME(SIZES, const T* z, const T* scale, long scales, const T* shift, long shifts,        \
                                   const T* mask, double epsilon, int relu, T* y, std::uint8_t* where,                 \
                                   T* statistic) {                                                                     \
        BY_SIDE(forward, T)                                                                                            \
        ({C, N, H, W, F, side}, z, scale, scales, shift, shifts, mask, epsilon, relu, y, where, statistic);            \
    }                                                                                                                  \
    extern "C" void backward_##NAME(SIZES, const T* z, const T* scale, long scales, const T* mask,                     \
                                    const T* statistic, const std::uint8_t* where, const T* gy, T* gz, T* gscale,      \
                                    T* gshift) {                                                                       \
        BY_SIDE(backward, T)                                                                                           \
        ({C, N, H, W, F, side}, z, scale, scales, mask, statistic, where, gy, gz, gscale, gshift);                     \
    }                                                                                                                  \
    extern "C" void twice_##NAME(SIZES, const T* z, const T* scale, long scales, const T* mask, const T* statistic,    \
                                 const std::uint8_t* where, const T* gy, const T* u, const T* uscale,                  \
                                 const T* ushift, T* ggy, T* dz, T* dscale) {                                          \
        BY_SIDE(twice, T)                                                                                              \
        ({C, N, H, W, F, side}, z, scale, scales, mask, statistic, where, gy, u, uscale, ushift, ggy, dz, dscale);     \
    }

FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
