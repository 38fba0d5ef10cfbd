// Answers requests to a SavedModel through the loader that TF Serving calls, with no Python: loader FOLDER REQUESTS ANSWERS
//
// REQUESTS is a TFRecord file of NamedTensorProto, "SIGNATURE/INPUT" each, one request per signature. ANSWERS holds
// "SIGNATURE/OUTPUT" of all of them. A signature without inputs in REQUESTS is not asked.
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/lib/io/record_reader.h"
#include "tensorflow/core/lib/io/record_writer.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/protobuf/named_tensor.pb.h"

void Expect(const absl::Status& status) {
  if (!status.ok()) {
    std::cerr << status << std::endl;
    exit(1);
  }
}

int main(int argc, char** argv) {
  const std::string folder = argv[1], requests = argv[2], answers = argv[3];
  tensorflow::Env* env = tensorflow::Env::Default();

  std::map<std::string, tensorflow::Tensor> given;
  std::unique_ptr<tensorflow::RandomAccessFile> file;
  Expect(env->NewRandomAccessFile(requests, &file));
  tensorflow::io::RecordReader reader(file.get());
  tensorflow::uint64 offset = 0;
  tensorflow::tstring record;
  while (reader.ReadRecord(&offset, &record).ok()) {
    tensorflow::NamedTensorProto named;
    tensorflow::Tensor tensor;
    if (!named.ParseFromString(std::string(record)) || !tensor.FromProto(named.tensor())) return 1;
    given[named.name()] = tensor;
  }

  tensorflow::SavedModelBundle bundle;
  Expect(tensorflow::LoadSavedModel({}, {}, folder, {"serve"}, &bundle));
  std::unique_ptr<tensorflow::WritableFile> target;
  Expect(env->NewWritableFile(answers, &target));
  tensorflow::io::RecordWriter writer(target.get());
  for (const auto& [signature, tensors] : bundle.GetSignatures()) {
    std::vector<std::pair<std::string, tensorflow::Tensor>> inputs;
    for (const auto& [name, info] : tensors.inputs()) {
      const auto found = given.find(signature + "/" + name);
      if (found != given.end()) inputs.emplace_back(info.name(), found->second);
    }
    if (inputs.empty()) continue;
    std::vector<std::string> names, fetched;
    for (const auto& [name, info] : tensors.outputs()) {
      names.push_back(name);
      fetched.push_back(info.name());
    }
    std::vector<tensorflow::Tensor> outputs;
    Expect(bundle.GetSession()->Run(inputs, fetched, {}, &outputs));
    for (size_t i = 0; i < names.size(); ++i) {
      tensorflow::NamedTensorProto named;
      named.set_name(signature + "/" + names[i]);
      outputs[i].AsProtoField(named.mutable_tensor());
      Expect(writer.WriteRecord(named.SerializeAsString()));
    }
  }
  Expect(writer.Close());
  Expect(target->Close());
}
