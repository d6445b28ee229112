#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| idetcd_fuzz::txt::run(data));
