#include <nlohmann/json.hpp>

#include "tools/atelier_data/plan_table.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

Json class_json(const PlanReport::Class& each) {
  return {{"name", each.name},       {"pictures", each.posts},
          {"natural", each.natural}, {"wanted", each.wanted ? Json(*each.wanted) : Json()},
          {"reached", each.reached}, {"repeats", each.repeats},
          {"samples", each.samples}};
}

Json marginal_json(const PlanReport::Marginal& marginal) {
  Json classes = Json::array();
  for (const PlanReport::Class& each : marginal.classes) classes.push_back(class_json(each));
  return {{"by", marginal.by}, {"classes", std::move(classes)}, {"unreachable", marginal.unreachable}};
}

Json balance_json(const PlanReport& report) {
  Json divisions = Json::array();
  for (const PlanReport::Marginal& marginal : report.marginals) divisions.push_back(marginal_json(marginal));
  return {{"apply", report.as_loss_weights ? "loss_weight" : "repeats"},
          {"effective_pictures", report.effective_posts},
          {"cut_off", report.cut_off},
          {"rake_rounds", report.rake_rounds},
          {"rake_error", report.rake_error},
          {"divisions", std::move(divisions)}};
}

Json resolution_json(const PlanReport::Resolution& each) {
  return {{"resolution", each.resolution},
          {"repeats", each.repeats},
          {"pictures", each.pictures},
          {"samples", each.samples},
          {"enlarged", each.upscaled},
          {"largest_upscale", each.largest_upscale},
          {"beyond_max_upscale", each.upscaled_out},
          {"beyond_max_crop_loss", each.cropped_out}};
}

Json bucket_json(const PlanReport::Bucket& bucket) {
  Json json = {{"resolution", bucket.resolution}, {"width", bucket.size.width},
               {"height", bucket.size.height},    {"small", bucket.small},
               {"pictures", bucket.posts},        {"samples", bucket.use.samples},
               {"batches", bucket.use.batches},   {"short_batches", bucket.use.short_batches},
               {"padding", bucket.use.padding},   {"fill", bucket.fill}};
  if (!bucket.class_samples.empty()) json["class_samples"] = bucket.class_samples;
  return json;
}

Json exposure_json(const ExposureList& list) {
  Json tags = Json::array();
  for (const TagExposure& each : list.tags) {
    tags.push_back(
        {{"name", each.name}, {"pictures", each.pictures}, {"unreached", each.unreached}, {"samples", each.samples}});
  }
  return tags;
}

template <typename Rows, typename Convert>
Json list_of(const Rows& rows, Convert convert) {
  Json list = Json::array();
  for (const auto& row : rows) list.push_back(convert(row));
  return list;
}

}  // namespace

std::string plan_json(const PlanFindings& findings) {
  const PlanReport& report = findings.report;
  Json json = {{"version", 1},
               {"steps", report.steps},
               {"epochs", report.epochs},
               {"samples", report.samples},
               {"samples_per_epoch", report.samples_per_epoch},
               {"batch_size", report.batch_size},
               {"batches", report.batches},
               {"short_batches", report.short_batches},
               {"fill", report.fill},
               {"padding", report.padding},
               {"pictures", report.pictures},
               {"unreached", report.unreached},
               {"left_out", report.left_out},
               {"reg_samples", report.reg_samples},
               {"mean_exposure", report.mean_exposure},
               {"largest_exposure", report.largest_exposure},
               {"largest_repeat", report.largest_repeat},
               {"crop_loss", report.crop_loss},
               {"balance", balance_json(report)},
               {"resolutions", list_of(report.resolutions, resolution_json)},
               {"buckets", list_of(report.buckets, bucket_json)},
               {"captions", Json::parse(findings.captions.json())}};
  for (const ExposureList& list : findings.exposure) json["exposure"][list.category] = exposure_json(list);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace atelier
