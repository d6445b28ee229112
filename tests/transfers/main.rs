//! What other name servers and their tools are told, and by whom it is signed.

mod tsig;
