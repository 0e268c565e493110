# What Cython code uses of our own C++ headers: NAME.pxd declares parts of ../NAME.hpp, nothing else.
#
# Each name is declared once, in the file of the header that declares it in C++, and has its name there. A module that has
# a class or function of that name itself cimports it `as` another.
#
# Over 20 files, since there is one for each header.
