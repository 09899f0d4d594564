# Run by weir_embed_migrations at build time; writes ${output}.
set(delimiter weir_sql)
set(entries "")
foreach(migration IN LISTS migrations)
  if(NOT migration MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)$")
    message(FATAL_ERROR "migration '${migration}' is not named NNNN_name")
  endif()
  set(name ${CMAKE_MATCH_2})
  string(REGEX REPLACE "^0+" "" number ${CMAKE_MATCH_1})
  foreach(direction up down)
    # Not file(READ) into a list anywhere: the text is full of semicolons and brackets.
    file(READ ${folder}/${migration}.${direction}.sql ${direction})
    string(FIND "${${direction}}" ")${delimiter}\"" clash)
    if(NOT clash EQUAL -1)
      message(FATAL_ERROR "${migration}.${direction}.sql contains the raw string delimiter")
    endif()
  endforeach()
  string(APPEND entries "    {${number}, \"${name}\",\n     R\"${delimiter}(${up})${delimiter}\",\n"
         "     R\"${delimiter}(${down})${delimiter}\"},\n")
endforeach()
file(
  WRITE ${output}
  "// Generated from migrations/${engine}; do not edit.
#include \"drivers/${engine}/migrations.hpp\"

namespace weir::${engine} {

std::span<const spi::Migration> migrations() {
  static constexpr spi::Migration kMigrations[] = {
${entries}  };
  return kMigrations;
}

}  // namespace weir::${engine}
")
