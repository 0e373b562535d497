// The names by which users ask for samplers: models/schedulers/samplers.h has the methods. Torch-free.
#pragma once

#include <array>
#include <string_view>

namespace atelier {

inline constexpr std::array<std::string_view, 8> kSamplerNames{
    "euler",           "euler_a",      "ddim",                "dpmpp_2m",
    "dpmpp_2m_karras", "dpmpp_2m_sde", "dpmpp_2m_sde_karras", "unipc"};

}  // namespace atelier
