"""What the sample carrier's customers are called, accents included."""

from random import Random


def _list(text: str) -> tuple[str, ...]:
    """Names parted by commas."""
    return tuple(name.strip() for name in text.split(","))


# Of the accented letters only those whose two UTF-8 bytes both mean something in cp1252: a name
# that was misread must still be printable.
FIRST = _list("""James, Mary, Robert, Patricia, John, Jennifer, Michael, Linda, David, Elizabeth,
    William, Barbara, Richard, Susan, Joseph, Jessica, Thomas, Sarah, Charles, Karen, Daniel, Lisa,
    Matthew, Nancy, Anthony, Betty, Mark, Sandra, Donald, Ashley, Steven, Kimberly, Paul, Emily,
    Andrew, Donna, Joshua, Michelle, Kenneth, Carol, Kevin, Amanda, Brian, Dorothy, George,
    Melissa, Timothy, Deborah""")
LAST = _list("""Smith, Johnson, Williams, Brown, Jones, Garcia, Miller, Davis, Rodriguez, Martinez,
    Hernandez, Lopez, Gonzalez, Wilson, Anderson, Thomas, Taylor, Moore, Jackson, Martin, Lee,
    Perez, Thompson, White, Harris, Sanchez, Clark, Ramirez, Lewis, Robinson, Walker, Young, Allen,
    King, Wright, Scott, Torres, Nguyen, Hill, Flores, Green, Adams, Nelson, Baker, Hall, Rivera,
    Campbell, Mitchell, Carter, Roberts""")
ACCENTED_FIRST = _list("José, René, Zoë, Björn, Jürgen, André, Noël, Inés, Renée, Sören")
ACCENTED_LAST = _list("""Müller, Nuñez, Muñoz, Gómez, Fernández, López, Peña, Lefèvre, Gonçalves,
    Jørgensen, Öztürk, Bjørk, Châtelet, Sjöberg, Ibáñez""")
TRADES = _list("""Plumbing, Dental Care, Bakery, Logistics, Roofing, Law Group, Realty, Auto Repair,
    Landscaping, Accounting, Robotics, Medical Supply, Print & Copy, Catering, Freight,
    Architects""")
FORMS = ("Inc.", "LLC", "Corp.", "& Sons", "Co.")


def person(rng: Random) -> str:
    """A first and a last name; one in twelve has an accent."""
    if rng.randrange(12) == 0:
        return f"{rng.choice(ACCENTED_FIRST)} {rng.choice(ACCENTED_LAST)}"
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def organisation(rng: Random) -> str:
    """A founder, a trade and a legal form."""
    founder = rng.choice(ACCENTED_LAST if rng.randrange(12) == 0 else LAST)
    return f"{founder} {rng.choice(TRADES)} {rng.choice(FORMS)}"
