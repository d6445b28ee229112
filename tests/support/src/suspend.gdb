# Lets a process on x86_64 move into the time namespace of the process $holder. It is stopped in a
# system call or just behind one; that instruction is used for two others, and all is put back.
set language c
set $call = $rip - 2
define system_call
  set $rip = $call
  set $orig_rax = -1
  set $rax = $arg0
  set $rdi = $arg1
  set $rsi = $arg2
  stepi
end
set $saved_rax = $rax
set $saved_rdi = $rdi
set $saved_rsi = $rsi
set $saved_rcx = $rcx
set $saved_r11 = $r11
set $saved_orig_rax = $orig_rax
# pidfd_open($holder, 0), setns(…, CLONE_NEWTIME), close(…)
system_call 434 $holder 0
set $descriptor = $rax
system_call 308 $descriptor 0x80
system_call 3 $descriptor 0
set $rip = $call + 2
set $rax = $saved_rax
set $rdi = $saved_rdi
set $rsi = $saved_rsi
set $rcx = $saved_rcx
set $r11 = $saved_r11
set $orig_rax = $saved_orig_rax
