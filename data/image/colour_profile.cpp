#include "data/image/colour_profile.h"

#include <lcms2.h>

#include <cstdlib>
#include <vector>

namespace atelier {
namespace {

using Profile = std::unique_ptr<void, decltype([](void* profile) { cmsCloseProfile(profile); })>;

struct Space {
  cmsColorSpaceSignature signature;
  cmsUInt32Number type;
};

Space space_of(PixelLayout layout) {
  switch (layout) {
    case PixelLayout::kGrey: return {cmsSigGrayData, TYPE_GRAY_8};
    case PixelLayout::kRgba: return {cmsSigRgbData, TYPE_RGBA_8};
    case PixelLayout::kCmyk: return {cmsSigCmykData, TYPE_CMYK_8};
    case PixelLayout::kInvertedCmyk: return {cmsSigCmykData, TYPE_CMYK_8_REV};
  }
  return {};
}

/// True if a grid of 9 x 9 x 9 colours comes back as it was, to one level.
bool changes_nothing(cmsHTRANSFORM transform) {
  constexpr int kSteps = 9;
  std::vector<uint8_t> colours;
  for (int i = 0; i < kSteps * kSteps * kSteps; ++i) {
    for (const int step : {i / (kSteps * kSteps), i / kSteps % kSteps, i % kSteps}) {
      colours.push_back(static_cast<uint8_t>(step * 255 / (kSteps - 1)));
    }
    colours.push_back(255);
  }
  std::vector<uint8_t> changed = colours;
  cmsDoTransform(transform, colours.data(), changed.data(), static_cast<cmsUInt32Number>(colours.size() / 4));
  for (size_t i = 0; i < colours.size(); ++i) {
    if (std::abs(colours[i] - changed[i]) > 1) return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<ColourProfile> ColourProfile::read(std::span<const std::byte> icc, PixelLayout layout) {
  cmsSetLogErrorHandler(nullptr);
  const Profile embedded(cmsOpenProfileFromMem(icc.data(), static_cast<cmsUInt32Number>(icc.size())));
  const Space space = space_of(layout);
  if (!embedded || cmsGetColorSpace(embedded.get()) != space.signature) return nullptr;
  const Profile srgb(cmsCreate_sRGBProfile());
  const bool has_alpha = layout == PixelLayout::kRgba;
  // No cache of the last pixel in the transform: it is faster for runs of one colour, but not safe in two threads.
  const cmsHTRANSFORM transform =
      cmsCreateTransform(embedded.get(), space.type, srgb.get(), TYPE_RGBA_8, INTENT_PERCEPTUAL,
                         cmsFLAGS_NOCACHE | (has_alpha ? cmsFLAGS_COPY_ALPHA : 0u));
  if (!transform) return nullptr;
  std::unique_ptr<ColourProfile> profile(new ColourProfile(transform, has_alpha));
  if (has_alpha && changes_nothing(transform)) return nullptr;
  return profile;
}

ColourProfile::~ColourProfile() { cmsDeleteTransform(transform_); }

void ColourProfile::to_srgb(const uint8_t* pixels, uint8_t* rgba, int32_t count) const {
  cmsDoTransform(transform_, pixels, rgba, static_cast<cmsUInt32Number>(count));
  if (writes_alpha_) return;
  for (int32_t i = 0; i < count; ++i) rgba[4 * i + 3] = 255;
}

}  // namespace atelier
