#include "filter_programs.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace tapnet {

namespace {

// Networks have one each; a daemon whose configuration changes all day begins anew.
constexpr size_t kProgramsMax = 256;

// The accumulator is where packet loads leave their result; they overwrite registers 1 to 5, and want the packet in 6.
constexpr uint8_t kA = BPF_REG_0;
constexpr uint8_t kContext = BPF_REG_6;
constexpr uint8_t kX = BPF_REG_7;
constexpr uint8_t kSaved = BPF_REG_8;

bpf_insn Instruction(int code, uint8_t destination, uint8_t source, int16_t offset, uint32_t immediate) {
  bpf_insn instruction{};
  instruction.code = static_cast<uint8_t>(code);
  instruction.dst_reg = destination & 0xf;
  instruction.src_reg = source & 0xf;
  instruction.off = offset;
  instruction.imm = static_cast<int32_t>(immediate);
  return instruction;
}

bpf_insn Move(uint8_t to, uint8_t from) { return Instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }

bpf_insn SetTo(uint8_t to, uint32_t value) { return Instruction(BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, value); }

bpf_insn LoadByte(uint32_t at) { return Instruction(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, at); }

// Appends what one instruction becomes, but for jumps; false where it is none of ours.
bool AppendPlain(const sock_filter& classic, std::vector<bpf_insn>& out) {
  switch (classic.code) {
    case BPF_LD | BPF_ABS | BPF_W:
      if (classic.k == static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG)) {
        out.push_back(Instruction(BPF_LDX | BPF_MEM | BPF_W, kA, kContext, offsetof(__sk_buff, vlan_tci), 0));
        return true;
      }
      [[fallthrough]];
    case BPF_LD | BPF_ABS | BPF_H:
    case BPF_LD | BPF_ABS | BPF_B:
      // Further ancillary data, and offsets from other headers than the link's.
      if (static_cast<int32_t>(classic.k) < 0) return false;
      out.push_back(Instruction(classic.code, 0, 0, 0, classic.k));
      return true;
    case BPF_LD | BPF_IND | BPF_H:
      if (static_cast<int32_t>(classic.k) < 0) return false;
      out.push_back(Instruction(classic.code, 0, kX, 0, classic.k));
      return true;
    case BPF_LDX | BPF_MSH | BPF_B:
      if (static_cast<int32_t>(classic.k) < 0) return false;
      out.push_back(Move(kSaved, kA));
      out.push_back(LoadByte(classic.k));
      out.push_back(Instruction(BPF_ALU | BPF_AND | BPF_K, kA, 0, 0, 0xf));
      out.push_back(Instruction(BPF_ALU | BPF_LSH | BPF_K, kA, 0, 0, 2));
      out.push_back(Move(kX, kA));
      out.push_back(Move(kA, kSaved));
      return true;
    case BPF_ALU | BPF_AND | BPF_K:
      out.push_back(Instruction(classic.code, kA, 0, 0, classic.k));
      return true;
    case BPF_RET | BPF_K:
      out.push_back(SetTo(kA, classic.k));
      out.push_back(Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
      return true;
    default:
      return false;
  }
}

// A jump that is still to be told how far, in the new program's own instructions.
struct OpenJump {
  size_t from;
  size_t to_classic;
};

int LoadProgram(const std::vector<bpf_insn>& instructions) {
  static const char license[] = "Apache-2.0";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<uintptr_t>(instructions.data());
  attributes.insn_cnt = static_cast<uint32_t>(instructions.size());
  attributes.license = reinterpret_cast<uintptr_t>(license);
  std::memcpy(attributes.prog_name, "tapnet_frames", sizeof "tapnet_frames");
  // The descriptor is close-on-exec by itself.
  return static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

}  // namespace

std::vector<bpf_insn> TranslateFilter(std::span<const sock_filter> filter) {
  std::vector<bpf_insn> out;
  std::vector<OpenJump> jumps;
  std::vector<size_t> start_of;
  out.push_back(Instruction(BPF_ALU64 | BPF_MOV | BPF_X, kContext, BPF_REG_1, 0, 0));
  out.push_back(SetTo(kA, 0));
  out.push_back(SetTo(kX, 0));
  for (size_t index = 0; index < filter.size(); index++) {
    const sock_filter& classic = filter[index];
    start_of.push_back(out.size());
    if (BPF_CLASS(classic.code) != BPF_JMP) {
      if (!AppendPlain(classic, out)) return {};
      continue;
    }
    const int operation = BPF_OP(classic.code);
    if (BPF_SRC(classic.code) != BPF_K || (operation != BPF_JEQ && operation != BPF_JSET)) return {};
    // Of 32 bits: the wider comparison would extend the sign of its operand.
    jumps.push_back({out.size(), index + 1 + classic.jt});
    out.push_back(Instruction(BPF_JMP32 | operation | BPF_K, kA, 0, 0, classic.k));
    if (classic.jf == 0) continue;
    jumps.push_back({out.size(), index + 1 + classic.jf});
    out.push_back(Instruction(BPF_JMP | BPF_JA, 0, 0, 0, 0));
  }
  for (const auto& [from, to_classic] : jumps) {
    if (to_classic >= start_of.size()) return {};
    const size_t distance = start_of[to_classic] - from - 1;
    if (distance > INT16_MAX) return {};
    out[from].off = static_cast<int16_t>(distance);
  }
  return out;
}

int FilterPrograms::Find(std::span<const sock_filter> filter) {
  std::vector<uint64_t> key(filter.size());
  for (size_t index = 0; index < filter.size(); index++) {
    const auto& [code, jt, jf, k] = filter[index];
    key[index] = uint64_t{code} | uint64_t{jt} << 16 | uint64_t{jf} << 24 | uint64_t{k} << 32;
  }
  const auto found = programs_.find(key);
  if (found != programs_.end()) return found->second.get();
  if (programs_.size() >= kProgramsMax) programs_.clear();
  const std::vector<bpf_insn> instructions = TranslateFilter(filter);
  UniqueFd program(instructions.empty() ? -1 : LoadProgram(instructions));
  return programs_.emplace(std::move(key), std::move(program)).first->second.get();
}

}  // namespace tapnet
