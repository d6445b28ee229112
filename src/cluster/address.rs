//! How the addresses to publish are chosen.

/// What to publish of one address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressChoice<A> {
    /// The address that is found on this host.
    Discover,
    /// This address, given by hand.
    Fixed(A),
    /// No address of this family.
    Omit,
}
