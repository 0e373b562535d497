#include "tools/atelier_data/plan_table.h"

#include <iomanip>
#include <sstream>

#include "configs/base/text.h"

namespace atelier {
namespace {

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return std::move(out).str();
}

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

void add_figure(std::ostringstream& out, std::string_view name, const std::string& value, std::string_view note) {
  out << "  " << std::left << std::setw(18) << name << std::right << std::setw(14) << value;
  if (!note.empty()) out << "  " << note;
  out << '\n';
}

void add_figures(std::ostringstream& out, const PlanReport& report) {
  const bool one = report.epochs == 1;
  out << grouped(report.steps) << " steps, " << grouped(report.epochs) << (one ? " epoch, " : " epochs, ")
      << grouped(report.samples) << " samples in batches of " << grouped(report.batch_size) << "\n\n";
  add_figure(out, "pictures", grouped(report.pictures), "usable");
  add_figure(out, "samples an epoch", fixed(report.samples_per_epoch, 1), "on average");
  add_figure(out, "largest repeat", fixed(report.largest_repeat, 3), "of one picture an epoch");
  add_figure(out, "exposure", fixed(report.mean_exposure, 2),
             text("mean of a picture in the run; at most ", grouped(report.largest_exposure)));
  add_figure(out, "never reached", grouped(report.unreached), "pictures");
  add_figure(out, "enlarged", grouped(report.upscaled), "pictures");
  add_figure(out, "cropped away", percent(report.crop_loss), "of the pictures' area, mean over the samples");
  add_figure(out, "short batches", grouped(report.short_batches), text("of ", grouped(report.batches)));
}

void add_classes(std::ostringstream& out, const PlanReport& report) {
  out << "\n  " << std::left << std::setw(18) << "class" << std::right << std::setw(12) << "pictures" << std::setw(10)
      << "natural" << std::setw(10) << "wanted" << std::setw(10) << "reached" << std::setw(10) << "repeats" << '\n';
  for (const PlanReport::Class& each : report.classes) {
    if (each.posts == 0) continue;
    out << "  " << std::left << std::setw(18) << each.name << std::right << std::setw(12) << grouped(each.posts)
        << std::setw(10) << percent(each.natural) << std::setw(10) << percent(each.wanted) << std::setw(10)
        << percent(each.reached) << std::setw(10) << fixed(each.repeats, 3) << '\n';
  }
}

void add_buckets(std::ostringstream& out, const PlanReport& report) {
  out << "\n  " << std::left << std::setw(12) << "bucket" << std::right << std::setw(12) << "pictures" << std::setw(14)
      << "samples" << std::setw(12) << "batches" << std::setw(9) << "short" << std::setw(10) << "fill" << '\n';
  for (const PlanReport::Bucket& bucket : report.buckets) {
    out << "  " << std::left << std::setw(12) << text(bucket.size.width, "x", bucket.size.height) << std::right
        << std::setw(12) << grouped(bucket.posts) << std::setw(14) << grouped(bucket.use.samples) << std::setw(12)
        << grouped(bucket.use.batches) << std::setw(9) << grouped(bucket.use.short_batches) << std::setw(10)
        << percent(bucket.fill) << (bucket.small ? " *" : "") << '\n';
  }
}

}  // namespace

std::string plan_table(const PlanReport& report) {
  std::ostringstream out;
  add_figures(out, report);
  add_classes(out, report);
  add_buckets(out, report);
  for (const PlanReport::Bucket& bucket : report.buckets) {
    if (!bucket.small) continue;
    out << "\n  * less than one batch an epoch: short batches (buckets.merge_small_buckets joins them to others)\n";
    break;
  }
  return std::move(out).str();
}

}  // namespace atelier
